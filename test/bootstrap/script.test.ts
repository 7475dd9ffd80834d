import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkLine, enrolmentScript, pasteLine } from '../../bootstrap/enrol.ts';
import { shells } from './sandbox.ts';

const values = {
  url: 'https://kipper.example.com',
  enrolmentId: 'enr_01jexample0000000000000000',
  serverName: 'web-1',
  publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample kipper-srv_01jexample0000000000000000',
  pin: 'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
};
const script = enrolmentScript(values);
const dir = mkdtempSync(join(tmpdir(), 'kipper-script-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the script is the golden one, and at most 20 KB', async () => {
  await expect(script).toMatchFileSnapshot('../golden/enrol.sh');
  expect(Buffer.byteLength(script)).toBeLessThanOrEqual(20_000);
});

test('T14 no eval; a body of functions and assignments only; the last line calls main', () => {
  expect(script).not.toMatch(/\beval\b/);
  expect(script.endsWith('\nmain "$@"\n')).toBe(true);
  const outside = script.replaceAll(/^[a-z_]+\(\) \{\n[\s\S]*?^\}\n/gm, '').split('\n');
  expect(outside.filter((line) => line !== '' && !line.startsWith('#') && !/^K_[a-z]+='[^']*'$/.test(line))).toEqual(['main "$@"']);
});

test('shellcheck has nothing to say', ({ skip }) => {
  if (spawnSync('shellcheck', ['--version']).error !== undefined) skip('no shellcheck here');
  const file = join(dir, 'enrol.sh');
  writeFileSync(file, script);
  expect(spawnSync('shellcheck', ['-s', 'sh', file], { encoding: 'utf8' }).stdout).toBe('');
});

test.each(Object.entries(shells))('a download that breaks off anywhere does nothing (%s)', (_name, shell) => {
  const [file = 'sh', ...rest] = shell;
  const last = script.lastIndexOf('main "$@"');
  for (const cut of [1, 200, 1000, 4000, 9000, 12_000, last - 2, last, last + 2]) {
    const result = spawnSync(file, [...rest, '-s'], { input: `KIPPER_TOKEN=x\n${script.slice(0, cut)}`, encoding: 'utf8' });
    expect(result.stdout, `cut at ${cut}`).toBe('');
    expect(result.stderr, `cut at ${cut}`).not.toContain('kipper:');
  }
});

test('T10 values that carry shell text stay data', () => {
  const hostile = enrolmentScript({
    ...values,
    url: `https://x/'$(touch ${dir}/pwned)'\`touch ${dir}/pwned\``,
    serverName: "a'; touch pwned; '",
  });
  execFileSync('dash', ['-n'], { input: hostile });
  const printed = execFileSync('dash', ['-s'], { input: hostile.replace(/main "\$@"\n$/, 'printf %s "$K_url"\n'), encoding: 'utf8' });
  expect(printed).toBe(`https://x/'$(touch ${dir}/pwned)'\`touch ${dir}/pwned\``);
  expect(spawnSync('ls', [dir], { encoding: 'utf8' }).stdout).not.toContain('pwned');
});

test('the lines to paste are those of the docs, for a public and for an own certificate', () => {
  const open = { ...values, pin: null };
  const token = `kpe_${'x'.repeat(43)}`;
  expect(pasteLine(open, token)).toBe(`{ echo KIPPER_TOKEN=${token}; curl -fsSL ${values.url}/e/${values.enrolmentId}; } | sudo sh`);
  expect(pasteLine(values, token)).toBe(
    `{ echo KIPPER_TOKEN=${token}; curl -fsSk --proto '=https' --pinnedpubkey '${values.pin}' ${values.url}/e/${values.enrolmentId}; } | sudo sh`,
  );
  expect(checkLine(open, 'f'.repeat(64))).toContain(`| sha256sum -c && sudo sh enrol.sh`);
});
