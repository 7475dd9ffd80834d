import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assessHardening } from '../../../core/hardening/assess.ts';
import { planHardening } from '../../../core/hardening/plan.ts';
import { defaultWish } from '../../../core/hardening/wish.ts';
import { parseSections } from '../../../core/probe.ts';
import { assessServer } from '../../../core/server/assess.ts';
import { parseServer } from '../../../core/server/facts.ts';
import { factsOf, probeOf, recordings } from '../hardening/recorded.ts';

const section = (name: string, ...lines: string[]) => `@${name}\n${lines.map((line) => ` ${line}\n`).join('')}@=0\n`;
const parse = (text: string) => parseServer(parseSections(text));

describe('facts of a recorded host', () => {
  test('the system, its addresses and the port in use', () => {
    expect(factsOf('bare')).toMatchObject({
      os: { id: 'debian', version: '12' },
      systemd: true,
      k3s: 'none',
      unread: [],
      network: { connection: { address: '203.0.113.2', port: 22 } },
    });
  });

  test('accounts with what opens them, and never a hash of a password', () => {
    const people = factsOf('bare').accounts.people.map((account) => [
      account.name,
      account.password,
      account.keys.map((file) => file.open),
    ]);
    expect(people).toEqual([
      ['root', 'locked', [1]],
      ['ops', 'set', [1]],
      ['plain', 'set', []],
    ]);
    for (const name of recordings) expect(probeOf(name)).not.toMatch(/\$(?:y|6|5|1|2b)\$/);
  });

  test('socket activation tells the port that sshd_config does not', () => {
    const held = factsOf('socket').listeners.filter((each) => each.units.includes('ssh.socket'));
    expect(held.map((each) => each.port)).toContain(2222);
  });

  test('ufw, nftables and iptables are read from what they left, v4 and v6', () => {
    expect(factsOf('ufw-foreign').firewall.ufw).toMatchObject({
      enabled: true,
      input: 'DROP',
      rules: [{ ports: '22' }, { ports: '22', to: '::/0' }],
    });
    expect(factsOf('nft').firewall.nft).toMatchObject([{ table: 'inet site', hook: 'input', policy: 'drop' }]);
    expect(factsOf('iptables').firewall.iptables.filter((line) => line === '-P INPUT DROP')).toHaveLength(2);
  });
});

describe('hostile answers', () => {
  const names = [
    'os',
    'system',
    'sysctls',
    'modules',
    'addresses',
    'routes',
    'ssh_connection',
    'listeners',
    'listener_units',
    'sockets',
    'units',
    'passwd',
    'groups',
    'passwords',
    'keys',
    'sshd',
    'sshd_users',
    'sshd_main',
    'sshd_files',
    'ufw',
    'ufw_rules',
    'nft',
    'iptables',
    'firewalld',
    'packages',
    'modes',
    'own_files',
    'sysctl_files',
    'present',
    'disks',
    'mounts',
    'name_services',
  ];

  test('whatever lines a host gives, facts, plan and findings come out without an exception', () => {
    const words = fc.constantFrom(
      'tcp',
      'LISTEN',
      '0.0.0.0:22',
      '[::]:0',
      'users:(("a",pid=1,fd=2))',
      '@',
      '\t',
      'table inet x {',
      '\tchain y {',
      '\t\ttype filter hook input priority 0; policy drop;',
      '### tuple ###',
      'allow',
      'Id=x',
      '__proto__',
      'constructor',
      ':::::',
      '999999999999999999',
      '\u001b[31m',
      'Match',
      'Include',
      '-A INPUT -j DROP',
      'root',
      'key',
      'stat',
      '/',
    );
    const line = fc
      .oneof(
        fc.array(words, { maxLength: 8 }).map((parts) => parts.join(' ')),
        fc.string({ maxLength: 60 }),
      )
      .map((text) => text.replaceAll('\n', ''));
    const text = fc
      .array(fc.tuple(fc.constantFrom(...names), fc.array(line, { maxLength: 6 })), { maxLength: 12 })
      .map((all) => [...new Map(all)].map(([name, lines]) => section(name, ...lines)).join(''));
    fc.assert(
      fc.property(text, (answer) => {
        const facts = parse(answer);
        const said = [...assessServer(facts), ...assessHardening(defaultWish, facts)]
          .map((each) => `${each.title}${each.evidence}${each.hint}`)
          .join('');
        // oxlint-disable-next-line no-control-regex
        expect(said).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/);
        expect(JSON.stringify(planHardening(defaultWish, facts))).toContain('[');
      }),
      { numRuns: 300 },
    );
  });

  test('an escape sequence in a program name does not reach a terminal', () => {
    const facts = parse(section('listeners', 'tcp LISTEN 0 5 0.0.0.0:999 0.0.0.0:* users:(("\u001b[2Jx",pid=9,fd=3))'));
    expect(facts.listeners[0]?.process).toBe('?[2Jx');
  });

  test('a listener line of unknown form is a finding, not passed over', () => {
    const facts = parse(section('listeners', 'sctp LISTEN weird'));
    expect(facts.unread).toEqual(['sctp LISTEN weird']);
    expect(assessServer(facts).some((each) => each.control === 'server-unread')).toBe(true);
  });

  test('T01 names that a host gives never become a unit, a user to prove or a path to change', () => {
    const facts = parse(
      section('listeners', 'tcp LISTEN 0 5 0.0.0.0:111 0.0.0.0:* users:(("rpcbind",pid=9,fd=3))') +
        section('listener_units', "9 /system.slice/x';reboot;'.service") +
        section('passwd', 'a;reboot:0:0:/root:/bin/sh') +
        section('modes', '666 root root regular file /etc/x;reboot'),
    );
    expect(JSON.stringify(planHardening(defaultWish, facts))).not.toContain('reboot;');
  });

  test.each([
    ['an answer outside its sections', 'hello\n'],
    ['a section twice', section('os') + section('os')],
    ['an unfinished section', '@os\n x\n'],
    ['a forged end', '@os\n@=x\n'],
  ])('%s is refused whole', (_, text) => {
    expect(() => parse(text)).toThrow(/probe/);
  });

  test('more than 4 MiB is refused', () => {
    expect(() => parse(section('os', 'x'.repeat(4 * 1024 * 1024)))).toThrow(/4 MiB/);
  });
});
