import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assessHardening } from '../../../core/hardening/assess.ts';
import { catalogue, packageBrings } from '../../../core/hardening/catalogue.ts';
import { controls } from '../../../core/hardening/controls.ts';
import { maskBefore } from '../../../core/hardening/controls/surplus-services.ts';
import { renderControlsPage } from '../../../core/hardening/page.ts';
import { maskedFirst, planHardening } from '../../../core/hardening/plan.ts';
import { sshPorts } from '../../../core/hardening/ports.ts';
import { defaultWish, type HardenWish } from '../../../core/hardening/wish.ts';
import type { Step } from '../../../core/plan.ts';
import type { ServerFacts } from '../../../core/server/facts.ts';
import { factsOf } from './recorded.ts';

const bare = factsOf('bare');
const plan = (facts: ServerFacts, wish: Partial<HardenWish> = {}) => planHardening({ ...defaultWish, ...wish }, facts);
const assess = (facts: ServerFacts, wish: Partial<HardenWish> = {}) => assessHardening({ ...defaultWish, ...wish }, facts);
const of = (steps: Step[], control: string) => steps.filter((step) => step.control === control);
const data = (step: Step | undefined) => (step?.kind === 'shell' ? step.data : {});
const sshdText = (facts: ServerFacts, wish: Partial<HardenWish> = {}) =>
  data(of(plan(facts, wish), 'sshd').find((step) => step.id === 'sshd/config'))['content'] ?? '';

function listening(process: string | null, port: number, more: Partial<ServerFacts['listeners'][number]> = {}): ServerFacts {
  return { ...bare, listeners: [{ protocol: 'tcp', address: '0.0.0.0', port, scope: 'wildcard', process, units: [], ...more }] };
}

describe('surplus services', () => {
  test('rpcbind is stopped and masked, its socket before its service', () => {
    expect(data(of(plan(bare), 'surplus-services')[0])).toEqual({
      unit: 'rpcbind.socket rpcbind.service',
      enable: 'masked',
      active: 'stopped',
    });
  });

  test('rpcbind is masked even when it is installed and does not listen', () => {
    expect(of(plan({ ...bare, listeners: [] }), 'surplus-services')).toHaveLength(1);
  });

  test('a masked rpcbind is left alone', () => {
    const masked = { load: 'masked', active: 'inactive', file: 'masked' };
    const units = {
      ...bare.units,
      'rpcbind.socket': { id: 'rpcbind.socket', ...masked },
      'rpcbind.service': { id: 'rpcbind.service', ...masked },
    };
    const facts = { ...bare, listeners: [], units };
    expect(of(plan(facts), 'surplus-services')).toEqual([]);
    expect(assess(facts).filter((each) => each.control === 'surplus-services')).toEqual([]);
  });

  test('rpcbind is masked before nfs-common brings it, also where no such unit exists yet', () => {
    const facts = { ...bare, units: {} };
    const install: Step = {
      kind: 'shell',
      id: 'x/package',
      title: 'x',
      action: 'package',
      data: { name: 'nfs-common', state: 'present' },
      timeoutMs: 1,
    };
    expect(maskedFirst([install], facts).map((step) => step.id)).toEqual(['surplus-services/rpcbind', 'x/package']);
    expect(maskBefore('ufw', facts)).toEqual([]);
  });

  test.each(catalogue.filter((each) => each.verdict === 'automatic' && each.processes.length > 0 && each.units.length > 0))(
    '$name is found and masked on IPv6 too',
    (service) => {
      const unit = service.units[0] ?? '';
      const units = { [unit]: { id: unit, load: 'loaded', active: 'active', file: 'enabled' } };
      const facts = { ...listening(service.processes[0] ?? '', 1, { address: '2001:db8::1', scope: 'global', units: [unit] }), units };
      expect(data(of(plan(facts), 'surplus-services')[0])['unit']).toBe(unit);
    },
  );

  test.each(['mysqld', 'postgres', 'redis-server', 'dockerd', 'nginx'])('%s may hold data: reported, never stopped', (process) => {
    const facts = { ...listening(process, 1), units: {} };
    expect(of(plan(facts), 'surplus-services')).toEqual([]);
    expect(assess(facts).find((each) => each.control === 'surplus-services')?.remedy).toBe('owner');
  });

  test.each(['sshd', 'chronyd', 'dhclient', 'qemu-ga', 'tailscaled', 'k3s-server'])(
    '%s belongs here: neither touched nor reported',
    (process) => {
      const facts = { ...listening(process, 1), units: {} };
      expect(assess(facts).filter((each) => each.control === 'surplus-services')).toEqual([]);
    },
  );

  test('what listens on loopback only is no finding', () => {
    const facts = { ...listening('snmpd', 161, { address: '127.0.0.1', scope: 'loopback' }), units: {} };
    expect(assess(facts).filter((each) => each.control === 'surplus-services')).toEqual([]);
  });

  test('an unknown program is reported with a guess and never stopped', () => {
    const facts = { ...listening('busybox', 23, { units: ['telnetd.service'] }), units: {} };
    expect(of(plan(facts), 'surplus-services')).toEqual([]);
    expect(assess(facts)[0]).toMatchObject({ remedy: 'owner', evidence: expect.stringContaining('telnet') });
  });

  test('the probe asks for every unit of the catalogue, and what a package brings is in it', () => {
    const probe = readFileSync(new URL('../../../bootstrap/parts/probe/units.sh', import.meta.url), 'utf8');
    const asked = new Set(probe.split(/\s+/));
    const missing = catalogue
      .filter((each) => each.verdict === 'automatic')
      .flatMap((each) => each.units.filter((unit) => !asked.has(unit)));
    expect(missing).toEqual([]);
    for (const id of Object.values(packageBrings).flat()) expect(catalogue.some((each) => each.id === id)).toBe(true);
  });
});

describe('firewall', () => {
  test('every SSH port is opened: configured, socket-activated and in use', () => {
    const facts: ServerFacts = {
      ...factsOf('socket'),
      network: { ...bare.network, connection: { clientAddress: '192.0.2.9', address: '203.0.113.2', port: 2200 } },
    };
    expect(sshPorts(facts)).toEqual([22, 2200, 2222]);
    expect(data(of(plan(facts), 'firewall').find((step) => step.id === 'firewall/ufw'))['tcp']).toBe('22,2200,2222,80,443,6443');
  });

  test('one guarded step with pod and service networks and forwarding', () => {
    const step = of(plan(bare), 'firewall').at(-1);
    expect(step).toMatchObject({ guard: 'firewall', data: { from: '10.42.0.0/16 10.43.0.0/16', forward: 'accept' } });
  });

  test.each([
    ['ufw-foreign', 'UFW is active', '80, 443 and 6443'],
    ['firewalld', 'firewalld is running', '80, 443 and 6443'],
    ['nft', 'nftables table inet site', '443 and 6443'],
    ['iptables', '-P INPUT DROP', '80, 443 and 6443'],
  ] as const)('%s: left alone, with the notice and the ports that look closed', (name, evidence, shut) => {
    const facts = factsOf(name);
    expect(of(plan(facts), 'firewall')).toEqual([]);
    const notice = assess(facts).find((each) => each.control === 'firewall');
    expect(notice?.evidence).toContain(evidence);
    expect(notice?.evidence).toContain(`these look closed: ${shut}`);
    expect(notice?.hint).toContain('Your firewall configuration is your responsibility; the rules need to allow 22, 80, 443 and 6443');
  });

  test('UFW with our marker is ours: reconciled, not called foreign', () => {
    const foreign = factsOf('ufw-foreign');
    const facts = { ...foreign, firewall: { ...foreign.firewall, ours: true } };
    expect(of(plan(facts), 'firewall').map((step) => step.id)).toContain('firewall/ufw');
  });

  test('rules of the owner that would shut a port once UFW is on are a finding, not a lock-out', () => {
    const rule = { action: 'deny', protocol: 'tcp', ports: '22', to: '0.0.0.0/0', from: '0.0.0.0/0', direction: 'in', interface: null };
    const facts = { ...bare, firewall: { ...bare.firewall, ufw: { ...bare.firewall.ufw, rules: [rule] } } };
    expect(of(plan(facts), 'firewall')).toEqual([]);
    expect(assess(facts).find((each) => each.control === 'firewall')?.evidence).toContain('would close port 22');
  });

  test("the control plane's own machine is refused without --yes-same-host", () => {
    expect(of(plan(bare, { sameHost: true }), 'firewall')).toEqual([]);
    expect(of(plan(bare, { sameHost: true, yesSameHost: true }), 'firewall')).not.toEqual([]);
  });

  test('a cluster that is not ours keeps its node ports and networks', () => {
    const facts: ServerFacts = { ...bare, k3s: 'foreign' };
    expect([...of(plan(facts), 'firewall'), ...of(plan(facts), 'guard')]).toEqual([]);
    expect(of(plan(facts), 'surplus-services')).not.toEqual([]);
  });

  test('a cloud firewall is said', () => {
    expect(assess(bare).some((each) => each.control === 'firewall' && each.severity === 'info')).toBe(true);
  });
});

describe('sshd', () => {
  test('passwords go when every account that can log in has a key', () => {
    expect(sshdText(factsOf('keys-only'))).toContain(
      'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n',
    );
  });

  test('an account with only a password keeps it, and the finding holds the ssh-copy-id line', () => {
    expect(sshdText(bare)).not.toContain('PasswordAuthentication');
    expect(assess(bare).find((each) => each.title.includes('plain'))?.hint).toContain('ssh-copy-id -p 22 plain@203.0.113.2');
  });

  test('--drop-login gives that account up, and it is not among those whose login is proved', () => {
    expect(sshdText(bare, { dropLogins: ['plain'] })).toContain('PasswordAuthentication no');
    expect(data(of(plan(bare, { dropLogins: ['plain'] }), 'sshd')[0])['users']).toBe('kipper ops root');
  });

  test('a root with only a password is not shut out', () => {
    const text = sshdText(factsOf('password-root'));
    expect(text).not.toContain('PermitRootLogin');
    expect(text).not.toContain('PasswordAuthentication');
  });

  test('a key file that others may write opens nothing, so its account keeps its password', () => {
    const people = bare.accounts.people.map((account) => ({
      ...account,
      password: account.name === 'ops' ? ('set' as const) : ('locked' as const),
      keys: account.keys.map((file) => ({ ...file, safe: account.name !== 'ops' })),
    }));
    expect(sshdText({ ...bare, accounts: { ...bare.accounts, people } })).not.toContain('PasswordAuthentication');
  });

  test('accounts from a directory, or a second factor, keep passwords on', () => {
    expect(sshdText({ ...bare, accounts: { ...factsOf('keys-only').accounts, directories: ['sss'] } })).not.toContain(
      'PasswordAuthentication',
    );
    const keys = factsOf('keys-only');
    const settings = { ...keys.sshd.settings, authenticationmethods: ['publickey,keyboard-interactive'] };
    expect(sshdText({ ...keys, sshd: { ...keys.sshd, settings } })).not.toContain('PasswordAuthentication');
  });

  test('AllowUsers is never introduced; where the owner has it, kipper is let in by its own Match block and nobody else is touched', () => {
    expect(sshdText(bare)).not.toContain('AllowUsers');
    expect(sshdText(factsOf('no-include'))).toMatch(/\nMatch User kipper\n\tAllowTcpForwarding local\n\tAllowUsers kipper\n$/);
  });

  test('the exceptions that enrolment wrote for kipper stay, and nothing else that somebody put there', () => {
    const written = [
      'Match User kipper',
      '    AllowTcpForwarding local',
      '    DisableForwarding no',
      '    allowgroups  kipper',
      '    PermitTTY no',
    ];
    const ownFiles = { ...bare.ownFiles, '/etc/ssh/sshd_config.d/00-kipper.conf': [...written, 'Match User ops', '    ForceCommand none'] };
    const text = sshdText({ ...bare, ownFiles });
    expect(text).toMatch(/\nMatch User kipper\n\tAllowTcpForwarding local\n\tDisableForwarding no\n\tAllowGroups kipper\n$/);
    const hardened = {
      ...ownFiles,
      '/etc/ssh/sshd_config.d/00-kipper.conf': text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    };
    expect(sshdText({ ...bare, ownFiles: hardened })).toBe('');
  });

  test('what the owner set tighter stays', () => {
    const settings = { ...bare.sshd.settings, maxauthtries: ['2'], permitrootlogin: ['no'], logingracetime: ['0'] };
    const text = sshdText({ ...bare, sshd: { ...bare.sshd, settings } });
    expect(text).toContain('MaxAuthTries 2\nLoginGraceTime 30\n');
    expect(text).not.toContain('PermitRootLogin');
  });

  test('where drop-ins are not read, one Include line joins the main file and every other byte of it stays', () => {
    const facts = factsOf('no-include');
    const [include] = of(plan(facts), 'sshd');
    expect(include).toMatchObject({
      kind: 'file',
      path: '/etc/ssh/sshd_config',
      content: { text: `Include /etc/ssh/sshd_config.d/00-kipper.conf\n${facts.sshd.mainText}` },
    });
  });

  test('a line that comes before ours is left out of our file and named', () => {
    const files = [{ path: '/etc/ssh/sshd_config', lines: ['X11Forwarding yes', 'Include /etc/ssh/sshd_config.d/*.conf'] }];
    const facts = { ...bare, sshd: { ...bare.sshd, files } };
    expect(sshdText(facts)).not.toContain('X11Forwarding');
    expect(assess(facts).find((each) => each.title.includes("before Kipper's"))?.evidence).toBe('/etc/ssh/sshd_config: X11Forwarding yes');
  });
});

describe('opting out', () => {
  test('--no-harden and --no-firewall plan nothing and still say everything', () => {
    const wish = { noHarden: true, noFirewall: true };
    expect(plan(bare, wish)).toEqual([]);
    const all = assess(bare);
    const skipped = assess(bare, wish);
    expect(skipped.map((each) => each.title)).toEqual(all.map((each) => each.title));
    expect(skipped.filter((each) => each.remedy === 'fixable')).toEqual([]);
    expect(skipped.filter((each) => each.remedy === 'skipped')).toHaveLength(all.filter((each) => each.remedy === 'fixable').length);
  });

  test('--no-firewall skips the guard too, and nothing else', () => {
    const left = new Set(plan(bare, { noFirewall: true }).map((step) => step.control));
    expect(left.has('firewall') || left.has('guard')).toBe(false);
    expect(left.has('surplus-services')).toBe(true);
  });
});

test('file permissions: what is too open is closed without widening anything', () => {
  const files = {
    '/etc/shadow': { mode: '0646', owner: 'root', group: 'shadow', kind: 'regular file' },
    '/etc/ssh/ssh_host_rsa_key': { mode: '0644', owner: 'root', group: 'root', kind: 'regular file' },
  };
  expect(of(plan({ ...bare, files }), 'file-permissions').map(data)).toEqual([
    { path: '/etc/shadow', owner: 'root', group: 'shadow', mode: '0640' },
    { path: '/etc/ssh/ssh_host_rsa_key', owner: 'root', group: 'root', mode: '0600' },
  ]);
});

test('a later sysctl file that would undo ours at the next boot is named', () => {
  const sysctlFiles = [{ path: '/etc/sysctl.d/99-site.conf', lines: ['kernel.panic=0'] }];
  expect(assess({ ...bare, sysctlFiles }).find((each) => each.control === 'kernel-for-k3s' && each.remedy === 'owner')?.evidence).toBe(
    '/etc/sysctl.d/99-site.conf sets kernel.panic to 0',
  );
});

test('forwarding, reverse-path filters and user namespaces are never touched', () => {
  const steps = plan(bare)
    .map((step) => JSON.stringify(step))
    .join('\n');
  for (const word of ['ip_forward', 'rp_filter', 'forwarding', 'bridge-nf-call', 'max_user_namespaces']) expect(steps).not.toContain(word);
});

test('every control has an id, a reason, standards and an undo; ids are unique', () => {
  expect(new Set(controls.map((each) => each.id)).size).toBe(controls.length);
  for (const each of controls)
    expect(each).toMatchObject({ id: expect.stringMatching(/^[a-z0-9-]+$/), why: expect.stringContaining('.'), undo: expect.any(String) });
});

test('docs/controls.md is what the list says', () => {
  expect(readFileSync(new URL('../../../docs/controls.md', import.meta.url), 'utf8')).toBe(renderControlsPage());
});
