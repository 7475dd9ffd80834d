import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ShellStep } from '../../core/plan.ts';
import { makePlane, type Plane } from '../bootstrap/plane.ts';
import type { Host } from '../lab/hosts.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { seedPerson, type PersonActor } from '../support/record.ts';
import { attackedJob, cut, firewall, killOnHost, killWorker, type Phase, sshd, type Strike, untilCalm, untilUnarmed } from './attack.ts';
import { enrolByLine } from './host-job.ts';
import { type Login, loginsOf, logsIn } from './logins.ts';

// Hosts wait for timers more than they work.
vi.setConfig({ maxConcurrency: 4, testTimeout: 900_000 });

let lab: Lab;
let plane: Plane;
let owner: PersonActor;
let attempts = 0;

beforeAll(async () => {
  lab = await openLab({ image: 'debian-12' });
  plane = await makePlane(lab.network.gateway, lab.network.gateway);
  owner = seedPerson(plane.ctx);
});
afterAll(async () => {
  await plane?.close();
  await lab?.close();
});

interface Target {
  host: Host;
  /** What could log in before the first attempt. */
  logins: Login[];
  settings: string;
}

/** What a guarded change may change, without counters. */
const settings =
  'ufw status | head -n 1; cat /etc/ssh/sshd_config.d/*.conf | sha256sum; grep ^ENABLED /etc/ufw/ufw.conf; grep -c "^### tuple" /etc/ufw/user.rules; true';

async function target(...variants: string[]): Promise<Target> {
  const host = await lab.boot({ variants });
  await enrolByLine(host, lab.login.publicKey, plane, owner);
  const logins = await loginsOf(host, lab.login);
  expect(logins.map((each) => each.user)).toEqual(expect.arrayContaining(['root', 'ops', 'plain', 'kipper']));
  return { host, logins, settings: await host.sh(settings) };
}

/** The assertion after every attempt: each account of before logs in anew, the old settings are back, nothing of the guard is left. */
async function nobodyIsLockedOut(on: Target, what: string, cutShort = false): Promise<void> {
  await untilCalm(on.host);
  expect(await lockedOut(on), `${what}: locked out`).toEqual([]);
  expect(await on.host.sh(settings), `${what}: settings`).toBe(on.settings);
  // Units of a guard that was cut short while it came or went change nothing; the next run clears them away.
  if (cutShort) await nextRun(on);
  expect(
    await on.host.sh('ls /etc/systemd/system | grep kipper-revert; ls /var/lib/kipper/undo | grep -E "^(armed|reverting|restore)$"; true'),
    what,
  ).toBe('');
  attempts += 1;
}

/** An sshd that was just told to reload closes its door for a moment, so a login is tried for a while. */
async function lockedOut(on: Target): Promise<Login[]> {
  let left = on.logins;
  for (const until = Date.now() + 40_000; left.length > 0 && Date.now() < until;) {
    const works = await Promise.all(left.map((login) => logsIn(on.host, lab.login, login)));
    left = left.filter((_, index) => works[index] !== true);
  }
  return left;
}

async function nextRun(on: Target): Promise<void> {
  const { job } = attackedJob(on.host, lab.login);
  await job.session();
  job.close();
}

/** One hostile change with the worker's own code. A worker that dies in it is not waited for. */
async function attack(on: Target, step: ShellStep, strike?: Strike): Promise<void> {
  const { job, struck } = attackedJob(on.host, lab.login, strike);
  const ended = job.execute([step]).catch(() => undefined);
  await (strike?.act === killWorker ? Promise.race([ended, struck]) : ended);
  job.close();
  await nobodyIsLockedOut(on, named('', step, strike), strike?.phase === 'guard_arm');
}

/** The network stays away until the host has helped itself. */
async function cutOff(on: Target, from: string, step: ShellStep, phase: Phase, afterMs: number): Promise<void> {
  const strike = { phase, afterMs, act: () => cut(on.host, from, true) };
  const { job, struck } = attackedJob(on.host, lab.login, strike);
  const ended = job.execute([step]).catch(() => undefined);
  await Promise.race([ended, struck]);
  await untilUnarmed(on.host);
  await cut(on.host, from, false).catch(() => undefined);
  killWorker(job);
  // A confirmation that was under way may have come through or not.
  if (phase === 'guard_confirm') on.settings = await on.host.sh(settings);
  await nobodyIsLockedOut(on, named('cut off', step, strike));
}

async function rebooted(on: Target, step: ShellStep, strike: Strike, reboot: () => Promise<unknown>): Promise<void> {
  const { job, struck } = attackedJob(on.host, lab.login, strike);
  await Promise.race([job.execute([step]).catch(() => undefined), struck]);
  await reboot();
  await nobodyIsLockedOut(on, named('rebooted', step, strike), true);
}

function named(what: string, { data }: ShellStep, strike?: Strike): string {
  return `${what} ${data['tcp'] ?? data['content']} ${strike === undefined ? '' : `${strike.phase} +${strike.afterMs} ms`}`.trim();
}

const hostileSshd = [
  'PubkeyAuthentication no',
  'DenyUsers kipper',
  'AllowUsers nobody',
  'Port 2299',
  'ListenAddress 127.0.0.1:22',
  'AuthenticationMethods password',
  'AuthorizedKeysFile /nowhere/%u',
];

// No second try: an attempt that locks somebody out is what this file looks for.
describe('hostile changes with the guard', { retry: 0 }, () => {
  test.concurrent('30 rules and settings that shut the worker out are put back at once', async () => {
    const on = await target();
    for (const ports of ['80', '443', '2222', '80,443', '21', '23', '222']) await attack(on, firewall(ports));
    for (let round = 0; round < 3; round++) for (const content of hostileSshd) await attack(on, sshd(content));
    await attack(on, sshd('MaxStartups 1:100:1\nDenyUsers *'));
    await attack(on, sshd('Passwordauthenticatio no'));
    await on.host.down();
  });

  test.concurrent('30 workers that die at every phase leave a host that puts itself back', async () => {
    const on = await target();
    const phases: [Phase, number[]][] = [
      ['guard_arm', [0, 100, 400]],
      ['step_run', [0, 60, 200, 600, 1500]],
      ['login', [0, 300]],
    ];
    for (const step of [firewall('80'), sshd('DenyUsers *')]) {
      for (const [phase, delays] of phases) {
        for (const afterMs of delays) await attack(on, step, { phase, afterMs, act: killWorker });
      }
      for (const phase of ['step_run', 'login'] as const)
        await attack(on, step, { phase, afterMs: 100, act: () => killOnHost(on.host, 'connection') });
      for (const phase of ['guard_arm', 'step_run', 'login'] as const)
        await attack(on, step, { phase, afterMs: 150, act: () => killOnHost(on.host, 'session') });
    }
    await on.host.down();
  });

  test.concurrent('16 networks that go away between change and confirmation: the host puts itself back', async () => {
    const on = await target('port-2222');
    const gateway = lab.network.gateway;
    for (const step of [firewall('2222'), firewall('22'), sshd('MaxAuthTries 3'), sshd('DenyUsers kipper')]) {
      await cutOff(on, gateway, step, 'step_run', 0);
      await cutOff(on, gateway, step, 'step_run', 500);
      await cutOff(on, gateway, step, 'login', 0);
    }
    for (const afterMs of [0, 10, 30, 80])
      await cutOff(on, gateway, sshd(`MaxAuthTries 3\nLoginGraceTime ${20 + afterMs}`), 'guard_confirm', afterMs);
    await on.host.down();
  });

  test.concurrent('10 reboots between the phases, orderly and not: the old state is there before sshd is', async () => {
    const on = await target();
    for (const step of [firewall('80'), sshd('DenyUsers *')]) {
      for (const [phase, afterMs] of [
        ['guard_arm', 300],
        ['step_run', 100],
        ['step_run', 900],
        ['login', 0],
      ] as const) {
        await rebooted(on, step, { phase, afterMs, act: killWorker }, () => on.host.kill().then(() => on.host.start()));
      }
      await rebooted(on, step, { phase: 'login', afterMs: 0, act: killWorker }, () => on.host.reboot());
    }
    await on.host.down();
  });

  test.concurrent('14 attempts on a host whose root has only a password', async () => {
    const on = await target('password-root');
    expect(on.logins).toContainEqual({ user: 'root', by: 'password' });
    for (const content of hostileSshd) await attack(on, sshd(`PasswordAuthentication no\nPermitRootLogin no\n${content}`));
    const step = sshd('PasswordAuthentication no\nPermitRootLogin no\nDenyUsers kipper');
    for (const phase of ['step_run', 'login'] as const) {
      for (const afterMs of [0, 150, 500]) await attack(on, step, { phase, afterMs, act: killWorker });
    }
    await attack(on, firewall('80'));
    await on.host.down();
  });

  test('these were 100 attempts or more', () => expect(attempts).toBeGreaterThanOrEqual(100));
});

describe('the control: the same changes without the guard', () => {
  test.concurrent.for([
    ['a firewall rule', firewall('80')],
    ['settings of sshd', sshd('DenyUsers *')],
  ] as const)('%s: locked out there, and after a reboot still', async ([, step]) => {
    const on = await target();
    const { guard: _, ...bare } = step;
    const { job } = attackedJob(on.host, lab.login);
    await job.execute([bare]);
    killWorker(job);
    const root = { user: 'root', by: 'key' } as const;
    expect(await logsIn(on.host, lab.login, root)).toBe(false);
    await on.host.exec('systemctl reboot');
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await expect
      .poll(async () => (await on.host.exec('systemctl is-active ssh').catch(() => ({ stdout: '' }))).stdout, {
        timeout: 60_000,
        interval: 500,
      })
      .toBe('active\n');
    expect(await logsIn(on.host, lab.login, root)).toBe(false);
    await on.host.down();
  });
});
