import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { probeScript } from '../../bootstrap/bundle.ts';
import { parseSections, statusOf } from '../../core/probe.ts';
import { parseServer, serverProbes } from '../../core/server/facts.ts';

const shells = ['dash', 'bash --posix', 'busybox sh'];

function run(command: string, text: string): string {
  const [shell, ...words] = command.split(' ');
  return execFileSync(shell ?? 'sh', [...words, '-s'], { input: text, encoding: 'utf8', maxBuffer: 8 * 1024 * 1024 });
}

describe.each(shells)('the probe under %s', (shell) => {
  test('answers every section in shape on this machine, and its facts parse', () => {
    const sections = parseSections(run(shell, probeScript(serverProbes)));
    for (const name of [
      'os',
      'system',
      'sysctls',
      'addresses',
      'listeners',
      'passwd',
      'sshd',
      'ufw',
      'nft',
      'packages',
      'modes',
      'present',
    ])
      expect(sections.has(name), name).toBe(true);
    expect(parseServer(sections).arch).not.toBe('');
  });

  test('output cannot forge a section, blanks and backslashes stay, and the status is told', () => {
    const text = `${probeScript([])}section a printf '%s\\n' '@=0' '@b' '  two  blanks' 'back\\\\slash $HOME *'\nsection b sh -c 'exit 7'\nsection c no-such-program\n`;
    const sections = parseSections(run(shell, text));
    expect(sections.get('a')?.lines).toEqual(
      ['@=0', '@b', '  two  blanks', 'back\\slash $HOME *'].map((line) => line.replace('back\\slash', 'back\\\\slash')),
    );
    expect([statusOf(sections, 'b'), statusOf(sections, 'c')]).toEqual([7, 127]);
  });
});

test('T60 the probe never prints the hash of a password', () => {
  const shadow = readFileSync(new URL('../../bootstrap/parts/probe/accounts.sh', import.meta.url), 'utf8');
  expect(shadow).toContain('kind');
  expect(run('dash', probeScript(['accounts']))).not.toMatch(/\$(?:y|6|5|1|2b)\$/);
});
