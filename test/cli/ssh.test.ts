import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { quote } from '../../core/shell.ts';
import { enrolments, hostKeys, servers } from '../../services/db/tables.ts';
import { currentKey } from '../../services/servers/enrolment.ts';
import { makeSandbox, type Sandbox } from '../bootstrap/sandbox.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { kip, openPlane, type Plane } from './kip.ts';

let plane: Plane;
let dir: string;
beforeAll(async () => {
  plane = await openPlane();
  dir = plane.signedIn();
});
afterAll(() => plane.close());

describe('T13 T17 hostile words never become options or commands of ssh', () => {
  /** An `ssh` that writes down its argv, one NUL-ended word each. */
  const shim = () => {
    const bin = join(dir, 'bin');
    const log = join(dir, 'argv');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nprintf '%s\\0' "$@" >>${quote(log)}\nprintf '\\n' >>${quote(log)}\nexit 255\n`, {
      mode: 0o755,
    });
    writeFileSync(log, '');
    return { env: { PATH: `${bin}:${process.env['PATH']}` }, log };
  };
  const marker = join(tmpdir(), `kip-hostile-${process.pid}`);
  const hostile = [
    '-oProxyCommand=touch /tmp/x',
    '--',
    '-',
    'a b',
    'a\nb',
    '$(touch x)',
    '`id`',
    'a;id',
    "a'b",
    'a@-l',
    '',
    ' ',
    'é',
    `x|touch ${marker}`,
  ];

  it.each(['--host', '--user', '--identity', '--port', '--name', '--domain', '--host-key', '--drop-login', '--plan-hash'])(
    '%s refuses each of them before ssh starts',
    async (flag) => {
      const { env, log } = shim();
      const words = flag === '--identity' ? hostile : hostile.filter((word) => word !== '');
      // Some words at a time: each is a start of kip.
      const tried = flag === '--host' ? words : words.slice(0, flag === '--user' || flag === '--identity' ? 6 : 2);
      for (let at = 0; at < tried.length; at += 5) {
        const said = await Promise.all(
          tried
            .slice(at, at + 5)
            .map((word) => kip(dir, ['install', ...(flag === '--host' ? [] : ['--host', '203.0.113.7']), `${flag}=${word}`], { env })),
        );
        for (const one of said) {
          expect(one).toMatchObject({ exit: 2, stdout: '' });
          expect(one.stderr).toContain(flag);
          expect(one.stderr).not.toMatch(/\n\s+at /);
        }
      }
      expect(readFileSync(log, 'utf8')).toBe('');
      expect(existsSync(marker)).toBe(false);
    },
  );

  it('what is left goes as words of an argv, the host behind --, and an awkward file name stays one word', async () => {
    const { env, log } = shim();
    const identity = join(dir, 'my key $(touch x);%h');
    writeFileSync(identity, '');
    const said = await kip(
      dir,
      [
        'install',
        '--host',
        'web.example.com',
        '--user',
        'ada',
        '--port',
        '2222',
        '--identity',
        identity,
        '--host-key',
        `SHA256:${'A'.repeat(43)}`,
      ],
      { env },
    );
    expect(said.exit).toBe(9);
    const argv = readFileSync(log, 'utf8').split('\n')[0]?.split('\0').slice(0, -1) ?? [];
    expect(argv.slice(argv.indexOf('--'))).toEqual(['--', 'web.example.com', 'true']);
    expect(argv).toEqual(expect.arrayContaining(['-l', 'ada', '-p', '2222', '-i', identity, 'ForwardAgent=no', 'RemoteCommand=none']));
  });
});

const fingerprintOf = (file: string) => spawnSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).stdout.split(' ')[1] ?? '';

describe('over SSH', () => {
  let sshd: Sshd;
  let box: Sandbox;
  beforeEach(async () => {
    box = makeSandbox();
    sshd = await startSshd();
    for (const end of ['', '.pub'])
      copyFileSync(join(sshd.folder, `../host_key${end}`), join(box.root, `etc/ssh/ssh_host_ed25519_key${end}`));
    // The machine's own `sh`, but the enrolment script finds itself in the sandbox.
    const into = Object.entries(box.place).map(([name, value]) => `-e ${quote(`s|^K_${name}=.*|K_${name}=${quote(value)}|`)}`);
    writeFileSync(join(sshd.folder, '../bin/sh'), `#!/bin/sh\n/usr/bin/sed ${into.join(' ')} | exec /bin/dash -s\n`, { mode: 0o755 });
  });
  afterEach(() => {
    sshd.stop();
    box.remove();
  });
  const shown = () => sshd.target.hostKeys[0]?.fingerprint ?? '';
  const install = (name: string, ...more: string[]) =>
    kip(dir, [
      'install',
      '--host',
      '127.0.0.1',
      '--port',
      String(sshd.port),
      '--user',
      sshd.target.user,
      '--identity',
      join(sshd.folder, '../login_key'),
      '--name',
      name,
      ...more,
    ]);
  const kept = () => readdirSync(tmpdir()).filter((name) => name.startsWith('kip-ssh-'));

  it('enrols through the person’s own ssh with the confirmed key; no token goes over it, and nothing of theirs comes to us', async () => {
    const said = await install('web-1', '--host-key', shown());
    expect(said.stderr).toContain('enrolling 127.0.0.1 as web-1');
    const row = plane.ctx.db.select().from(servers).where(eq(servers.name, 'web-1')).get();
    expect(row, said.stderr).toMatchObject({ state: 'enrolled', address: '127.0.0.1', port: sshd.port });
    expect(
      plane.ctx.db
        .select()
        .from(hostKeys)
        .where(eq(hostKeys.serverId, row?.id ?? ''))
        .all(),
    ).toHaveLength(2);
    expect(readFileSync(join(box.root, 'home/kipper/.ssh/authorized_keys'), 'utf8')).toContain(
      currentKey(plane.ctx, row?.id ?? '')?.publicKey,
    );
    expect(said.stderr + said.stdout).not.toContain('kpe_');
    expect(spawnSync('grep', ['-rl', 'kpe_', box.root, sshd.folder], { encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '' });
    expect(kept()).toEqual([]);
  });

  it('T68 another host key than --host-key is refused naming both, before anything is made here or there', async () => {
    const wanted = `SHA256:${'A'.repeat(43)}`;
    const said = await install('web-2', '--host-key', wanted);
    expect(said).toMatchObject({ exit: 9, stdout: '' });
    expect(said.stderr).toContain(shown());
    expect(said.stderr).toContain(wanted);
    expect(plane.ctx.db.select().from(servers).where(eq(servers.name, 'web-2')).all()).toEqual([]);
    expect(existsSync(join(box.root, 'home/kipper'))).toBe(false);
    expect(kept()).toEqual([]);
  });

  it('an unconfirmed key is shown, and neither --yes nor the lack of a terminal vouches for it', async () => {
    const yes = await install('web-3', '--yes');
    expect(yes).toMatchObject({ exit: 2 });
    expect(yes.stderr).toMatch(new RegExp(`--host-key ${shown().replaceAll(/[+/]/g, '\\$&')}`));
    const silent = await install('web-3');
    expect(silent.exit).toBe(2);
    expect(silent.stderr).toContain('there is no terminal');
    expect(
      plane.ctx.db
        .select()
        .from(enrolments)
        .all()
        .filter((row) => row.claimedAtMs === null),
    ).toEqual([]);
  });

  it('a refusal of the script is told in its own words with its next step, and the server stays invited', async () => {
    box.command('systemd-detect-virt', 'echo lxc');
    const said = await install('web-4', '--host-key', shown());
    expect(said).toMatchObject({ exit: 9, stdout: '' });
    expect(said.stderr).toMatch(/kip: 127\.0\.0\.1: refused \(14\)/);
    expect(plane.ctx.db.select().from(servers).where(eq(servers.name, 'web-4')).get()).toMatchObject({ state: 'invited' });
  });

  it('a login that does not get in says what ssh said', async () => {
    writeFileSync(join(sshd.folder, '../authorized_keys'), '');
    const said = await install('web-5', '--host-key', shown());
    expect(said.exit).toBe(9);
    expect(said.stderr).toMatch(/Permission denied[\s\S]*try the same login by hand/);
  });

  it('--plan looks and creates nothing, here or there', async () => {
    writeFileSync(join(sshd.folder, '../bin/sh'), '#!/bin/sh\nexec /bin/dash "$@"\n', { mode: 0o755 });
    const before = plane.ctx.db.select().from(servers).all().length;
    const said = await install('web-6', '--host-key', shown(), '--plan', '--json');
    if (said.exit === 0) expect(said.json).toHaveProperty('hash');
    else expect(said.json).toHaveProperty('error.message');
    expect(plane.ctx.db.select().from(servers).all()).toHaveLength(before);
    expect(plane.seen.filter((request) => request === 'POST /v1/plans')).toHaveLength(1);
  });

  it('T68 a machine whose own keys are not the one its sshd showed is not enrolled', async () => {
    await sshd.rekey();
    const said = await install('web-5', '--host-key', fingerprintOf(join(sshd.folder, '../host_key.pub')));
    expect(said.exit).toBe(9);
    expect(said.stderr).toContain('is not one of its keys');
    expect(plane.ctx.db.select().from(servers).where(eq(servers.name, 'web-5')).get()).toMatchObject({ state: 'invited' });
  });
});
