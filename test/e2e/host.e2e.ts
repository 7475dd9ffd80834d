import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShellStep, Step, UndoStep } from '../../core/plan.ts';
import type { Target } from '../../core/runs.ts';
import type { Sign } from '../../workers/agent.ts';
import { type Host } from '../lab/hosts.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { type TestJob, testJob } from '../support/job.ts';
import { signer } from '../support/sshd.ts';

let lab: Lab;
let fence = 0;
const jobs: TestJob[] = [];

interface Enrolled {
  host: Host;
  target: Target;
  sign: Sign;
}

/** What enrolment does, in short: the account, its key and its right to be root. */
async function enrol(host: Host): Promise<Enrolled> {
  const key = lab.login.publicKey;
  await host.sh(`useradd -m -s /bin/sh -p '*' kipper && mkdir -m 700 ~kipper/.ssh && echo '${key}' >~kipper/.ssh/authorized_keys &&
    chmod 600 ~kipper/.ssh/authorized_keys && chown -R kipper: ~kipper/.ssh && echo 'kipper ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/kipper`);
  const target: Target = {
    serverId: 'srv_lab',
    serverName: host.name,
    address: host.address,
    port: host.port,
    user: 'kipper',
    hostKeys: [{ algorithm: 'ssh-ed25519', fingerprint: host.hostKey.fingerprint }],
    publicKey: key,
  };
  return { host, target, sign: signer(lab.login.identity) };
}

function job(on: Enrolled, more: Partial<Parameters<typeof testJob>[0]> = {}): TestJob {
  const made = testJob({ target: on.target, sign: on.sign, fence: ++fence, ...more });
  jobs.push(made);
  return made;
}

function shell(action: ShellStep['action'], data: Record<string, string>, more: Partial<ShellStep> = {}): ShellStep {
  return {
    kind: 'shell',
    id: `t/${action}`,
    title: `${action} ${Object.values(data)[0] ?? ''}`,
    action,
    data,
    timeoutMs: 120_000,
    ...more,
  };
}

/** Undo of everything in the host's list, newest first. */
async function undoAll(on: Enrolled, force = false): Promise<TestJob> {
  const made = job(on);
  const session = await made.session();
  let list = '';
  await session.step('(K_run=x; undo_list) </dev/null 9>&-\n', (stream, text) => {
    if (stream === 'stdout') list += text;
  });
  const steps: UndoStep[] = list
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [entry = '', , , , , guard = '', title = ''] = line.split('\t');
      const armed = guard === 'sshd' || guard === 'firewall' ? { guard } : {};
      return { kind: 'undo', id: `undo/${entry}`, title, timeoutMs: 120_000, entry, force, ...armed } as UndoStep;
    });
  await made.execute(steps);
  return made;
}

/** Left out: the copies that useradd keeps, and kernel values that count by themselves. */
const snapshot = (host: Host): Promise<string> =>
  host.sh(`cd / && find etc usr/local root/.ssh -xdev ! -type d ! -path 'etc/.*' ! -name 'passwd-' ! -name 'group-' ! -name 'shadow-' ! -name 'gshadow-' ! -name 'sub?id-' -printf '%p %M %u:%g ' \\( -type l -printf '-> %l\\n' -o -exec sha256sum {} \\; \\) 2>/dev/null |
    sed 's|/etc/ld.so.cache.*||' | sort; nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'; dpkg-query -W; systemctl list-unit-files --no-legend --no-pager | grep -v transient | sort;
    sysctl -a 2>/dev/null | grep -vE 'random|entropy|nr_|dentry|inode|ns_last_pid|conntrack_count|pty.nr|fs.file-nr|netdev_rss|tcp_mem|overflow' | sort`);

beforeAll(async () => {
  lab = await openLab({ image: process.env['KIPPER_LAB_IMAGE'] === 'debian-13' ? 'debian-13' : 'debian-12' });
});
afterAll(async () => {
  for (const made of jobs) made.close();
  await lab.close();
});

describe('steps on a real host', () => {
  let on: Enrolled;
  let before: string;
  beforeAll(async () => {
    on = await enrol(await lab.boot({ name: 'steps' }));
    before = await snapshot(on.host);
  });

  const rpcbind = shell('unit', { unit: 'rpcbind.socket rpcbind.service', enable: 'masked', active: 'stopped' });
  const unknown = shell('unit', { unit: 'rpc-unheard-of.service', enable: 'masked', active: 'stopped' }, { id: 't/unknown' });
  const sysctl = shell('sysctl', { key: 'kernel.kptr_restrict', value: '2' });
  const ufw = shell('ufw', { tcp: '22,80,443,6443', from: '10.42.0.0/16 10.43.0.0/16', forward: 'accept' }, { guard: 'firewall' });
  const dropIn =
    'PasswordAuthentication no\nPermitRootLogin prohibit-password\nMaxAuthTries 4\nMatch User kipper\n\tAllowTcpForwarding local\n';
  const sshd = shell(
    'sshd',
    { path: '/etc/ssh/sshd_config.d/00-kipper.conf', content: dropIn, users: 'root ops kipper' },
    { guard: 'sshd' },
  );
  const all: Step[] = [rpcbind, unknown, sysctl, ufw, sshd];

  test('every action changes the host once, and the second run finds that it holds', async () => {
    const first = job(on);
    const done = await first.execute(all).catch((thrown: unknown) => {
      throw new Error(first.output(), { cause: thrown });
    });
    expect(done).toEqual({ changed: 5, kept: [] });
    expect(await on.host.sh('systemctl is-enabled rpcbind.socket rpcbind.service rpc-unheard-of.service || true')).toBe(
      'masked\nmasked\nmasked',
    );
    expect(await on.host.sh('ss -Hltn sport = :111 | wc -l')).toBe('0');
    expect(await on.host.sh('ufw status | head -1')).toBe('Status: active');
    expect(await on.host.sh('ls /etc/systemd/system | grep -c kipper-revert || true')).toBe('0');
    expect(await on.host.sh('systemctl is-active kipper-revert.timer || true')).toBe('inactive');
    const second = job(on);
    expect(await second.execute(all)).toEqual({ changed: 0, kept: [] });
    expect(second.states()).toEqual(['unchanged', 'unchanged', 'unchanged', 'unchanged', 'unchanged']);
  });

  test('undo leaves the host as it was: units, files, rules and kernel values', async () => {
    const undone = await undoAll(on);
    expect(undone.states().every((state) => state === 'changed')).toBe(true);
    expect(await snapshot(on.host)).toBe(before);
    expect(await on.host.sh('systemctl is-active rpcbind.socket; systemctl is-enabled rpcbind.socket')).toBe('active\nenabled');
  });
});

describe('packages', () => {
  test('installs what is missing, purges exactly that on undo, and names a repository that is down', async () => {
    const on = await enrol(await lab.boot({ name: 'packages', variants: ['lean'] }));
    await on.host.sh('apt-get -qq update');
    const before = await snapshot(on.host);
    const install = shell('package', { name: 'rpcbind', state: 'present' }, { timeoutMs: 240_000 });
    const made = job(on);
    expect(await made.execute([install])).toEqual({ changed: 1, kept: [] });
    expect(await job(on).execute([install])).toEqual({ changed: 0, kept: [] });
    await undoAll(on);
    expect((await on.host.sh('dpkg-query -W')).includes('rpcbind')).toBe(false);
    expect(await snapshot(on.host)).toBe(before);
    lab.aptDown(true);
    await on.host.sh('apt-get clean');
    await expect(job(on).execute([install])).rejects.toMatchObject({ reason: 'repository_down' });
    lab.aptDown(false);
  });
});

describe('two-phase steps', () => {
  let on: Enrolled;
  beforeAll(async () => {
    on = await enrol(await lab.boot({ name: 'guard' }));
  });
  const lockOut = shell('ufw', { tcp: '80', from: '', forward: 'keep' }, { guard: 'firewall' });
  const state = (): Promise<string> => on.host.sh('ufw status | head -1; ls /etc/systemd/system | grep -c kipper-revert || true');

  test('a firewall that shuts us out is reverted at once, because no new login confirms it', async () => {
    const made = job(on);
    await expect(made.execute([lockOut])).rejects.toMatchObject({ code: 'host_unreachable' });
    expect(made.states()).toEqual(['reverted']);
    expect(await state()).toBe('Status: inactive\n0');
    const again = job(on);
    await again.session();
  });

  test('the same change without the guard does lock out', async () => {
    const { guard: _, ...bare } = lockOut;
    const made = job(on);
    await made.execute([bare]);
    expect((await on.host.ssh('true', { timeoutMs: 8000 })).code).not.toBe(0);
    await on.host.sh('iptables -I INPUT -p tcp --dport 22 -j ACCEPT');
    await undoAll(on, true);
    await on.host.sh('iptables -D INPUT -p tcp --dport 22 -j ACCEPT 2>/dev/null; true');
    expect((await on.host.ssh('true', { timeoutMs: 8000 })).code).toBe(0);
    expect(await state()).toBe('Status: inactive\n0');
  });

  test('a cancel inside an armed step reverts at once and says so', async () => {
    const made = job(on, {
      fresh: (signal) =>
        signal?.aborted === true
          ? Promise.reject(new Error('late'))
          : new Promise((_, reject) => {
              made.cancel.abort();
              setTimeout(() => reject(new Error('cancelled')), 100);
            }),
    });
    await expect(made.execute([{ ...lockOut, data: { ...lockOut.data, tcp: '22,80' } }])).rejects.toThrow();
    expect(made.states()).toEqual(['reverted']);
    expect(await state()).toBe('Status: inactive\n0');
  });

  test('a reboot between the phases brings the old state back before ssh starts', async () => {
    const made = job(on, { fresh: () => new Promise(() => undefined) });
    const pending = made.execute([lockOut]).catch(() => undefined);
    await expect
      .poll(() => on.host.sh('cat /var/lib/kipper/undo/restore 2>/dev/null; ufw status | head -1'), { timeout: 30_000 })
      .toMatch(/before\nStatus: active/);
    await on.host.kill();
    await on.host.start();
    expect(await state()).toBe('Status: inactive\n0');
    expect(await on.host.sh('ls /var/lib/kipper/undo')).toContain('reverted');
    made.close();
    void pending;
  });

  test('a worker that dies inside an armed step leaves a host whose timer puts the old state back', async () => {
    const made = job(on, { fresh: () => new Promise(() => undefined) });
    const pending = made.execute([lockOut]).catch(() => undefined);
    await expect
      .poll(() => on.host.sh('cat /var/lib/kipper/undo/restore 2>/dev/null; ufw status | head -1'), { timeout: 30_000 })
      .toMatch(/before\nStatus: active/);
    made.close();
    await on.host.sh('systemctl show kipper-revert.timer -p AccuracyUSec -p ActiveState');
    await expect.poll(state, { timeout: 140_000, interval: 2000 }).toBe('Status: inactive\n0');
    void pending;
  });

  test('a run that takes over finds the armed guard of a dead one and reverts first', async () => {
    const made = job(on, { fresh: () => new Promise(() => undefined) });
    const pending = made.execute([lockOut]).catch(() => undefined);
    await expect
      .poll(() => on.host.sh('cat /var/lib/kipper/undo/restore 2>/dev/null; ufw status | head -1'), { timeout: 30_000 })
      .toMatch(/before\nStatus: active/);
    await on.host.sh('iptables -I INPUT -p tcp --dport 22 -j ACCEPT');
    await job(on).session();
    expect(await state()).toBe('Status: inactive\n0');
    await on.host.sh('iptables -D INPUT -p tcp --dport 22 -j ACCEPT');
    void pending;
  });

  test('settings that sshd refuses, or that do not take effect, are put back', async () => {
    const bad = shell(
      'sshd',
      { path: '/etc/ssh/sshd_config.d/00-kipper.conf', content: 'Passwordauthenticatio no\n', users: 'root' },
      { guard: 'sshd' },
    );
    const made = job(on);
    await expect(made.execute([bad])).rejects.toMatchObject({ code: 'step_failed' });
    expect(made.states()).toEqual(['reverted']);
    expect(await on.host.sh('ls /etc/ssh/sshd_config.d')).not.toContain('00-kipper');
    expect(await state()).toBe('Status: inactive\n0');
  });
});

describe('other ways to run sshd', () => {
  const dropIn = {
    path: '/etc/ssh/sshd_config.d/00-kipper.conf',
    content: 'PasswordAuthentication no\nMaxAuthTries 4\n',
    users: 'root ops kipper',
  };
  const sshd = shell('sshd', dropIn, { guard: 'sshd' });

  test('started by its socket: the settings take effect and are undone', async () => {
    const on = await enrol(await lab.boot({ name: 'socket', variants: ['socket-activated'] }));
    expect(await job(on).execute([sshd])).toEqual({ changed: 1, kept: [] });
    expect(await job(on).execute([sshd])).toEqual({ changed: 0, kept: [] });
    await undoAll(on);
    expect(await on.host.sh('ls /etc/ssh/sshd_config.d')).not.toContain('00-kipper');
  });

  test('an old configuration that does not read drop-ins: seen, put back, said in a sentence', async () => {
    const on = await enrol(await lab.boot({ name: 'old', variants: ['no-include'] }));
    const made = job(on);
    await expect(made.execute([sshd])).rejects.toMatchObject({ message: expect.stringContaining('is not included') });
    expect(made.states()).toEqual(['reverted']);
    expect(await on.host.sh('ls -A /etc/ssh/sshd_config.d')).not.toContain('00-kipper');
  });
});
