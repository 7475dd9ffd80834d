import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { enrolmentScript } from '../../bootstrap/enrol.ts';
import { enrolments, events, hostKeys, runs, servers } from '../../services/db/tables.ts';
import { currentKey } from '../../services/servers/enrolment.ts';
import { inviteAgain } from '../../services/servers/invite-again.ts';
import { inviteServer } from '../../services/servers/invite.ts';
import { certificatePin } from '../../services/servers/script.ts';
import type { EnrolmentView } from '../../services/servers/view.ts';
import { seedPerson } from '../support/record.ts';
import { makePlane, type Plane } from './plane.ts';
import { makeSandbox, shells, type Sandbox } from './sandbox.ts';

let plane: Plane;
let box: Sandbox;
beforeAll(async () => {
  plane = await makePlane();
});
afterAll(() => plane.close());
beforeEach(() => {
  box = makeSandbox();
  box.command('curl', `exec /usr/bin/curl --resolve kipper.test:${plane.port}:127.0.0.1 "$@"`);
});
afterEach(() => box.remove());

let counter = 0;

function invite() {
  counter += 1;
  const owner = seedPerson(plane.ctx);
  return { owner, ...inviteServer(plane.ctx, owner, { name: `web-${counter}` }) };
}

function scriptFor(server: { id: string; name: string }, enrolment: EnrolmentView, pin = certificatePin(plane.ctx.config)): string {
  const publicKey = currentKey(plane.ctx, server.id)?.publicKey ?? '';
  return enrolmentScript({
    url: plane.ctx.config.url,
    enrolmentId: enrolment.id,
    serverName: server.name,
    publicKey,
    pin,
    sandbox: box.place,
  });
}

const lineOf = (enrolment: EnrolmentView) => ({ lines: `KIPPER_TOKEN=${enrolment.token}\n` });

/** Path, mode and content of everything under the root, but the sandbox's own commands. */
function snapshot(): Record<string, string> {
  const all = readdirSync(box.root, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !/^\/(?:commands|tmp)/.test(entry.parentPath.slice(box.root.length)),
  );
  return Object.fromEntries(
    all
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, 'utf8')}`]),
  );
}

describe.each(Object.entries(shells))('under %s', (_name, shell) => {
  test('a server enrols through the real control plane, and its host keys are pinned', async () => {
    const { server, enrolment } = invite();
    const result = await box.run(shell, scriptFor(server, enrolment), lineOf(enrolment));
    expect(result).toMatchObject({ code: 0 });
    const row = plane.ctx.db.select().from(servers).where(eq(servers.id, server.id)).get();
    expect(row).toMatchObject({
      state: 'enrolled',
      address: '127.0.0.1',
      port: 2222,
      machineId: readFileSync(join(box.root, 'etc/machine-id'), 'utf8').trim(),
    });
    const pinned = plane.ctx.db.select().from(hostKeys).where(eq(hostKeys.serverId, server.id)).all();
    const published = ['ecdsa', 'ed25519'].map((type) =>
      readFileSync(join(box.root, `etc/ssh/ssh_host_${type}_key.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    );
    expect(pinned.map((key) => key.publicKey).toSorted()).toEqual(published);
    expect(plane.ctx.db.select().from(runs).where(eq(runs.serverId, server.id)).all()).toMatchObject([{ kind: 'audit', state: 'queued' }]);
    expect(readFileSync(join(box.root, 'home/kipper/.ssh/authorized_keys'), 'utf8')).toBe(
      `restrict,port-forwarding,permitopen="127.0.0.1:6443" ${currentKey(plane.ctx, server.id)?.publicKey}\n`,
    );
  });

  test('a second run with a new token changes nothing and reports again', async () => {
    const { owner, server, enrolment } = invite();
    await box.run(shell, scriptFor(server, enrolment), lineOf(enrolment));
    const before = snapshot();
    const again = inviteAgain(plane.ctx, owner, server.id, {});
    const result = await box.run(shell, scriptFor(server, again.enrolment), lineOf(again.enrolment));
    expect(result.stderr).toContain('done, 0 change(s)');
    const after = snapshot();
    delete before[join(box.root, 'var/lib/kipper/enrol.log')];
    delete after[join(box.root, 'var/lib/kipper/enrol.log')];
    expect(after).toEqual(before);
  });

  test('--dry-run says what would be done and changes nothing', async () => {
    const { server, enrolment } = invite();
    const before = snapshot();
    const result = await box.run(shell, scriptFor(server, enrolment), { args: ['--dry-run'] });
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toMatch(
      /would create the user kipper[\s\S]*would write .*authorized_keys[\s\S]*would allow kipper[\s\S]*would report/,
    );
    expect(snapshot()).toEqual({ ...before, [join(box.root, 'run/kipper-enrol.lock')]: '600 ' });
  });

  test('over SSH it prints one claim without a token and asks for none', async () => {
    const { server, enrolment } = invite();
    const result = await box.run(shell, scriptFor(server, enrolment), { lines: 'KIPPER_VIA=ssh\n' });
    expect(result).toMatchObject({ code: 0 });
    const lines = result.stdout.split('\n').filter((line) => line.startsWith('KIPPER-CLAIM:'));
    expect(lines).toHaveLength(1);
    const claim = JSON.parse(Buffer.from(lines[0]?.slice(13) ?? '', 'base64').toString()) as object;
    expect(Object.keys(claim)).toEqual(['machineId', 'bootId', 'sshPorts', 'hostKeys', 'facts']);
  });
});

test('T73 the token is on no command line and in no environment while the script runs', async () => {
  const { server, enrolment } = invite();
  plane.pace.delayMs = 150;
  const secret = enrolment.token;
  const seen: string[] = [];
  let polls = 0;
  const timer = setInterval(() => {
    polls += 1;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      for (const file of ['cmdline', 'environ']) {
        try {
          if (readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(secret)) seen.push(`${pid} ${file}`);
        } catch {
          // Processes end, and some are not ours to read.
        }
      }
    }
  }, 5);
  const result = await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment));
  clearInterval(timer);
  plane.pace.delayMs = 0;
  expect(result).toMatchObject({ code: 0 });
  expect(polls).toBeGreaterThan(10);
  expect(seen).toEqual([]);
  expect(JSON.stringify(snapshot())).not.toContain(secret);
});

test('T68 a control plane with another key is refused before the token leaves the machine', async () => {
  const { server, enrolment } = invite();
  const result = await box.run(['dash'], scriptFor(server, enrolment, `sha256//${'A'.repeat(43)}=`), lineOf(enrolment));
  expect(result).toMatchObject({ code: 27 });
  expect(existsSync(join(box.root, 'home/kipper'))).toBe(false);
  expect(plane.ctx.db.select().from(enrolments).where(eq(enrolments.id, enrolment.id)).get()?.claimedAtMs).toBeNull();
});

test('T74 a refused claim takes the account, the key and the sudo rule away again', async () => {
  const { owner, server, enrolment } = invite();
  const script = scriptFor(server, enrolment);
  const before = snapshot();
  inviteAgain(plane.ctx, owner, server.id, {});
  const result = await box.run(['dash'], script, lineOf(enrolment));
  expect(result).toMatchObject({ code: 23 });
  expect(result.stderr).toContain(`kip server invite ${server.name}`);
  expect(snapshot()).toEqual({ ...before, [join(box.root, 'run/kipper-enrol.lock')]: '600 ' });
  expect(plane.ctx.db.select().from(events).where(eq(events.subject, enrolment.id)).all()).toMatchObject([{ name: 'enrolment.refused' }]);
});

test('a refused claim leaves the originals that a hardened machine still keeps', async () => {
  const { owner, server, enrolment } = invite();
  const script = scriptFor(server, enrolment);
  const entry = join(box.root, 'var/lib/kipper/undo/00000001');
  mkdirSync(entry, { recursive: true });
  writeFileSync(join(entry, 'before'), 'the original');
  inviteAgain(plane.ctx, owner, server.id, {});
  const result = await box.run(['dash'], script, lineOf(enrolment));
  expect(result).toMatchObject({ code: 23 });
  expect(readFileSync(join(entry, 'before'), 'utf8')).toBe('the original');
  expect(existsSync(join(box.root, 'var/lib/kipper/account'))).toBe(false);
  expect(existsSync(join(box.root, 'home/kipper'))).toBe(false);
});

test('T64 nothing that the script writes is ever readable by others', async () => {
  const { server, enrolment } = invite();
  writeFileSync(
    join(box.root, 'commands/mv'),
    '#!/bin/sh\nfor f; do case $f in -*) ;; *) [ ! -e "$f" ] || /usr/bin/stat -c %a "$f" >>"$MODES"; break ;; esac; done\nexec /usr/bin/mv "$@"\n'.replace(
      '$MODES',
      join(box.root, 'tmp/modes'),
    ),
    { mode: 0o755 },
  );
  await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment));
  for (const path of [
    'home/kipper/.ssh/authorized_keys',
    'etc/sudoers.d/kipper',
    'etc/ssh/sshd_config.d/00-kipper.conf',
    'var/lib/kipper/enrol.log',
  ]) {
    expect(statSync(join(box.root, path)).mode & 0o077, path).toBe(path.includes('sudoers') ? 0o040 : 0);
  }
});

test('--uninstall takes everything back, and refuses while a cluster stands', async () => {
  const { server, enrolment } = invite();
  const before = snapshot();
  await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment));
  const marker = join(box.root, 'etc/kipper/k3s.json');
  mkdirSync(join(box.root, 'etc/kipper'));
  writeFileSync(marker, '');
  expect(await box.run(['dash'], scriptFor(server, enrolment), { args: ['--uninstall'] })).toMatchObject({ code: 25 });
  expect(existsSync(join(box.root, 'home/kipper'))).toBe(true);
  expect(await box.run(['dash'], scriptFor(server, enrolment), { args: ['--uninstall', '--with-cluster'] })).toMatchObject({ code: 0 });
  expect(snapshot()).toEqual({ ...before, [join(box.root, 'run/kipper-enrol.lock')]: '600 ', [marker]: '644 ' });
});

test('a host that shuts kipper out by AllowUsers, forwarding and a second factor lets it in, and nobody else is changed', async () => {
  const { server, enrolment } = invite();
  const config = join(box.root, 'etc/ssh/sshd_config');
  writeFileSync(
    config,
    `${readFileSync(config, 'utf8')}AllowUsers admin\nAllowUsers ops\nAllowTcpForwarding no\nDisableForwarding yes\nAuthenticationMethods publickey,keyboard-interactive\nAuthorizedKeysFile /etc/ssh/keys/%u\n`,
  );
  const effective = (user: string) =>
    execFileSync('/usr/sbin/sshd', ['-T', '-f', config, '-C', `user=${user},host=h,addr=192.0.2.1`], { encoding: 'utf8' }).split('\n');
  const before = effective('admin');
  const result = await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment));
  expect(result).toMatchObject({ code: 0 });
  expect(effective('kipper')).toEqual(
    expect.arrayContaining([
      'allowusers kipper',
      'allowtcpforwarding local',
      'disableforwarding no',
      'authenticationmethods publickey',
      'authorizedkeysfile .ssh/authorized_keys',
    ]),
  );
  expect(effective('kipper')).not.toContain('allowusers admin');
  expect(effective('admin')).toEqual(before);
});

test('a sshd that refuses the drop-in keeps its configuration: exit 28', async () => {
  const { server, enrolment } = invite();
  box.command('sshd', `case $1 in -t) exit 1 ;; esac; exec /usr/sbin/sshd -f ${box.root}/etc/ssh/sshd_config "$@"`);
  expect(await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment))).toMatchObject({ code: 28 });
  expect(existsSync(join(box.root, 'etc/ssh/sshd_config.d/00-kipper.conf'))).toBe(false);
});

const refusals: [number, string, (sandbox: Sandbox) => void][] = [
  [10, 'not root', (sandbox) => sandbox.command('id', 'echo 1000')],
  [11, 'an unsupported system', (sandbox) => writeFileSync(join(sandbox.root, 'etc/os-release'), 'ID=alpine\nVERSION_ID=3.20\n')],
  [12, 'an unsupported processor', (sandbox) => sandbox.command('uname', 'echo riscv64')],
  [13, 'no systemd', (sandbox) => rmSync(join(sandbox.root, 'run/systemd'), { recursive: true })],
  [14, 'a container', (sandbox) => sandbox.command('systemd-detect-virt', 'echo lxc')],
  [15, 'no sudo', (sandbox) => rmSync(join(sandbox.root, 'commands/visudo'))],
  [
    16,
    'a read-only root',
    (sandbox) => {
      mkdirSync(join(sandbox.root, 'proc'));
      writeFileSync(join(sandbox.root, 'proc/mounts'), '/dev/vda1 / ext4 ro,relatime 0 0\n');
    },
  ],
  [17, 'a full disk', (sandbox) => sandbox.command('df', 'printf "h\\nx 1 1 4096 99%% /\\n"')],
  [18, 'a foreign kipper user', (sandbox) => mkdirSync(join(sandbox.root, 'home/kipper'))],
  [19, 'no machine-id', (sandbox) => writeFileSync(join(sandbox.root, 'etc/machine-id'), '')],
  [24, 'a sudoers file that visudo refuses', (sandbox) => sandbox.command('visudo', 'exit 1')],
];

// A machine with a visudo of its own cannot lack it.
const possible = refusals.filter(([code]) => code !== 15 || !existsSync('/usr/sbin/visudo'));

test.each(possible)('exit %i on %s, with a next step, and the token is not spent', async (code, _what, spoil) => {
  const { server, enrolment } = invite();
  spoil(box);
  const result = await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment));
  expect(result).toMatchObject({ code });
  expect(result.stderr).toMatch(new RegExp(`refused \\(${code}\\): .*\\nkipper: next: .+`));
  expect(plane.ctx.db.select().from(enrolments).where(eq(enrolments.id, enrolment.id)).get()?.claimedAtMs).toBeNull();
});

test('exit 21 on a clock that is off, before anything is changed', async () => {
  const { server, enrolment } = invite();
  box.command('date', 'case $* in +%s) echo $(($(/usr/bin/date +%s) + 4000)) ;; *) exec /usr/bin/date "$@" ;; esac');
  expect(await box.run(['dash'], scriptFor(server, enrolment), lineOf(enrolment))).toMatchObject({ code: 21 });
  expect(existsSync(join(box.root, 'home/kipper'))).toBe(false);
});

test('exit 20 on a token that is cut off; exit 2 on an unknown option', async () => {
  const { server, enrolment } = invite();
  expect(await box.run(['dash'], scriptFor(server, enrolment), { lines: `KIPPER_TOKEN=${enrolment.token.slice(0, 20)}\n` })).toMatchObject({
    code: 20,
  });
  expect(await box.run(['dash'], scriptFor(server, enrolment), { args: ['--force'] })).toMatchObject({ code: 2 });
});
