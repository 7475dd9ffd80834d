import { chmodSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { people } from '../../services/db/tables.ts';
import { email, kip, newFolder, openPlane, password, readState, seedCluster, writeState, type Plane } from './kip.ts';

let plane: Plane;
let dir: string;
beforeAll(async () => {
  plane = await openPlane({ limits: { signInAddress: 3 } });
  dir = plane.signedIn();
});
afterAll(() => plane.close());

const login = (at: string, secret: string, more: string[] = []) =>
  kip(at, ['login', '--url', plane.url, '--email', email, '--password-stdin', ...more], { input: `${secret}\n` });

/** One failure is one sentence and a next step: never a stack trace, and nothing on standard output. */
function expectFailure(said: Awaited<ReturnType<typeof kip>>, exit: number, text: RegExp): void {
  expect(said.stderr).toMatch(text);
  expect(said.stderr).not.toMatch(/\n\s+at |node:internal/);
  expect(said.stdout).toBe('');
  expect(said.exit).toBe(exit);
}

describe('the session file', () => {
  it('T64 is 0600 from its first byte, and one that others may read is refused with the chmod line', async () => {
    const at = newFolder();
    const said = await kip(at, ['login', plane.url, '--email', email, '--password-stdin', '--json'], { input: `${password}\n` });
    expect(said.exit).toBe(0);
    expect(Object.keys(said.json)).toEqual(['person', 'session']);
    expect(said.stdout).not.toContain(readState(at)['refreshToken']);
    const file = join(at, 'kip.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    expectFailure(await kip(at, ['whoami']), 4, /can be read by others \(mode 644\)[\s\S]*chmod 600/);
    chmodSync(file, 0o600);
    expect(await kip(at, ['logout'])).toMatchObject({ exit: 0 });
    expect(readState(at)).toMatchObject({ accessToken: null, refreshToken: null });
    expectFailure(await kip(at, ['whoami']), 3, /not signed in/);
    rmSync(at, { recursive: true });
  });
});

describe('exit codes', () => {
  it('0: what works, help, version, and kip alone', async () => {
    const [who, help, version, alone] = await Promise.all([
      kip(dir, ['whoami']),
      kip(dir, ['app', 'deploy', '--help']),
      kip(dir, ['--version']),
      kip(dir, []),
    ]);
    expect(who).toMatchObject({ exit: 0 });
    expect(who.stdout).toContain(email);
    expect(help).toMatchObject({ exit: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(alone.exit).toBe(0);
    expect(alone.stdout).toContain('First steps:');
  });

  it('2: wrong use, with the command that says more', async () => {
    const [unknown, missing, json, refused] = await Promise.all([
      kip(dir, ['servr', 'ls']),
      kip(dir, ['app', 'deploy', '--name', 'web']),
      kip(dir, ['app', 'show', '--json']),
      kip(dir, ['project', 'create', 'UPPER']),
    ]);
    expectFailure(unknown, 2, /unknown command 'servr' \(did you mean server\?\)\n\s+kip --help/);
    expectFailure(missing, 2, /--image <image>' not specified\n\s+kip app deploy --help/);
    expectFailure(json, 2, /"invalid_input"/);
    expectFailure(refused, 2, /kip: use 2 to 40 lower-case letters.*\n\s+kip project create --help/);
    const image = await kip(dir, ['app', 'deploy', '--name', 'web', '--image', 'a b', '--port', '80']);
    expectFailure(image, 2, /kip: --image: use an image name.*\n\s+kip app deploy --help/);
    const noun = await kip(dir, ['server']);
    expect(noun).toMatchObject({ exit: 2, stdout: '' });
    expect(noun.stderr).toContain('invite');
  });

  it('3: not signed in, and a wrong password, which says nothing about the account', async () => {
    const empty = newFolder();
    expectFailure(await kip(empty, ['whoami']), 3, /you are not signed in\n\s+kip login/);
    expectFailure(await login(empty, 'wrong'), 3, /the e-mail address or the password is wrong/);
    rmSync(empty, { recursive: true });
  });

  it('4: not allowed', async () => {
    seedCluster(plane, 'lab');
    const role = (name: 'member' | 'owner') => plane.ctx.db.update(people).set({ role: name }).where(eq(people.email, email)).run();
    role('member');
    const said = await kip(dir, ['cluster', 'remove', 'lab', '--yes']);
    role('owner');
    expectFailure(said, 4, /only an owner may remove a cluster/);
  });

  it('5: not found', async () => {
    const [server, run, org] = await Promise.all([
      kip(dir, ['server', 'show', 'nope']),
      kip(dir, ['run', 'watch', 'run_nope']),
      kip(dir, ['server', 'ls', '--org', 'Others']),
    ]);
    expectFailure(server, 5, /kip: /);
    expectFailure(run, 5, /kip: /);
    expectFailure(org, 5, /organization Engines, not Others/);
  });

  it('6: a conflict', async () => {
    await kip(dir, ['project', 'create', 'twice']);
    expectFailure(await kip(dir, ['project', 'create', 'twice']), 6, /twice/);
  });

  it('7: rate-limited', async () => {
    const at = newFolder();
    for (let tries = 0; tries < 2; tries += 1) await login(at, 'wrong');
    const said = await Promise.all([login(at, 'wrong'), login(at, 'wrong')]);
    expectFailure(said[0], 7, /kip: /);
    rmSync(at, { recursive: true });
  });

  it('8: the control plane cannot be reached, is something else, or would get the password in clear (2)', async () => {
    const at = newFolder();
    writeState(at, { url: 'http://127.0.0.1:9', refreshToken: 'kpr_x' });
    expectFailure(await kip(at, ['whoami']), 8, /cannot reach the control plane at http:\/\/127\.0\.0\.1:9[\s\S]*npm start/);
    expectFailure(await kip(at, ['login', 'http://198.51.100.7', '--email', 'a@b.c']), 2, /in clear/);
    rmSync(at, { recursive: true });
  });

  it('1: what was not foreseen is one line', async () => {
    const at = newFolder();
    const said = await kip(at, ['login', '--url', plane.url], { env: { KIP_CONFIG_DIR: '/proc/nowhere' } });
    expectFailure(said, 2, /E-mail has to be asked for, and there is no terminal\n\s+add --email/);
    writeState(at, { url: plane.url, refreshToken: 'kpr_x' });
    chmodSync(at, 0o500);
    if (process.getuid?.() !== 0) expectFailure(await kip(at, ['whoami']), 1, /cannot write/);
    chmodSync(at, 0o700);
    rmSync(at, { recursive: true });
  });
});
