import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../core/fault.ts';
import type { ShellStep } from '../../core/plan.ts';
import type { Target } from '../../core/runs.ts';
import type { Connection } from '../../workers/ssh.ts';
import { openShell } from '../../workers/ssh.ts';
import type { Session } from '../../workers/session.ts';
import type { Host } from '../lab/hosts.ts';
import { type TestJob, testJob } from '../support/job.ts';
import { signer } from '../support/sshd.ts';

/** Where an attempt strikes: while the host works on this call of its library, or at the new login. */
export type Phase = 'guard_arm' | 'step_run' | 'login' | 'guard_confirm';

export interface Strike {
  phase: Phase;
  afterMs: number;
  act(job: TestJob): unknown;
}

/** Seconds until the host puts the old state back by itself; the product's own limit is two minutes. */
const guardSeconds = 8;
/** How long a new login is waited for: the product waits longer. */
const patienceMs = 3000;
let fence = 1000;

export interface Attacked {
  job: TestJob;
  /** Settles when the strike is done. */
  struck: Promise<unknown>;
}

/** A run that carries out one step with the worker's own code, and is struck once. */
export function attackedJob(host: Host, login: { identity: string; publicKey: string }, strike?: Strike): Attacked {
  fence += 1;
  const target: Target = {
    ...{ serverId: 'srv_lab', serverName: host.name, address: host.address, port: host.port, user: 'kipper', publicKey: login.publicKey },
    hostKeys: [{ algorithm: 'ssh-ed25519', fingerprint: host.hostKey.fingerprint }],
  };
  const sign = signer(login.identity);
  const struck = Promise.withResolvers<unknown>();
  let begun = false;
  const hit = (phase: Phase): void => {
    if (strike?.phase !== phase || begun) return;
    begun = true;
    setTimeout(() => struck.resolve(Promise.resolve(strike.act(job)).catch(() => undefined)), strike.afterMs);
  };
  const made: Connection[] = [];
  const job = testJob({
    ...{ target, sign, fence },
    fresh: async (signal) => {
      if (dead.has(job)) throw new Fault('cancelled', 'the worker is dead');
      const late = AbortSignal.timeout(patienceMs);
      hit('login');
      if (strike?.phase === 'login') await struck.promise;
      if (dead.has(job)) throw new Fault('cancelled', 'the worker is dead');
      const connection = await openShell(target, sign, signal === undefined ? late : AbortSignal.any([signal, late]));
      made.push(connection);
      return { ...connection, lost: connection.lost, once: struckOnce(connection, hit) };
    },
  });
  const session = job.session;
  job.session = async () => {
    if (dead.has(job)) throw new Fault('cancelled', 'the worker is dead');
    return struckSession(await session(), hit, strike === undefined ? 60 : guardSeconds);
  };
  const close = job.close;
  job.close = () => {
    close();
    for (const one of made) one.close();
  };
  return { job, struck: struck.promise };
}

const dead = new WeakSet<TestJob>();

/** The worker's process is gone: nothing more is sent, every connection closes. */
export function killWorker(job: TestJob): void {
  dead.add(job);
  job.close();
}

function struckSession(session: Session, hit: (phase: Phase) => void, seconds: number): Session {
  return {
    ...session,
    step: (text, onOutput) => {
      for (const phase of ['guard_arm', 'step_run'] as const) if (text.includes(`\n${phase}\n)`)) hit(phase);
      return session.step(text.replace(/^K_seconds='\d+'$/m, `K_seconds='${seconds}'`), onOutput);
    },
  };
}

const struckOnce =
  (connection: Connection, hit: (phase: Phase) => void): Connection['once'] =>
  (run, number, name, data, onOutput) => {
    if (name === 'guard_confirm') hit(name);
    return connection.once(run, number, name, data, onOutput);
  };

/** SIGKILL for the connection's sshd on the host, or for the whole process group of its root shell. */
export async function killOnHost(host: Host, what: 'connection' | 'session'): Promise<void> {
  await host.exec(
    `read -r _ _ _ _ group sshd _ </var/lib/kipper/lease/holder && kill -s KILL -- ${what === 'connection' ? '$sshd' : '-$group'}`,
  );
}

/** Cuts the worker's address off inside the host's own network, both ways; or lets it through again. */
export async function cut(host: Host, from: string, off: boolean): Promise<void> {
  await host.sh(
    off
      ? `nft -f - <<'N'\ntable inet lab_cut { chain i { type filter hook input priority -300; ip saddr ${from} drop; }; chain o { type filter hook output priority -300; ip daddr ${from} drop; }; }\nN`
      : 'nft delete table inet lab_cut',
  );
}

const calm = `cd /var/lib/kipper && read -r _ _ pid start _ <lease/holder && [ "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" != "$start" ] &&
[ ! -e undo/armed ] && [ ! -e undo/reverting ] && ! systemctl -q is-active kipper-revert.service && ! systemctl -q is-active kipper-revert.timer`;

/** Waits until no session of ours is on the host and no guard is armed; rejects when that takes longer than the guard allows. */
export const untilCalm = (host: Host): Promise<void> => holds(host, calm);

/** Waits until the host put the old state back, or there was nothing to put back. */
export const untilUnarmed = (host: Host): Promise<void> => holds(host, '! ls /var/lib/kipper/undo | grep -qE "^(armed|reverting)$"');

async function holds(host: Host, condition: string): Promise<void> {
  const until = Date.now() + (guardSeconds + 50) * 1000;
  while ((await host.exec(condition)).code !== 0) {
    if (Date.now() > until)
      throw new Error(
        `${host.name} does not come to rest: ${(await host.exec('ls -l /var/lib/kipper/undo; cat /var/lib/kipper/lease/holder; systemctl status kipper-revert* --no-pager')).stdout}`,
      );
    await sleep(400);
  }
}

export const firewall = (ports: string): ShellStep => step('ufw', { tcp: ports, from: '', forward: 'keep' }, 'firewall');

export const sshd = (content: string): ShellStep =>
  step('sshd', { path: '/etc/ssh/sshd_config.d/00-kipper.conf', content: `${content}\n`, users: 'root' }, 'sshd');

function step(action: 'ufw' | 'sshd', data: Record<string, string>, guard: 'firewall' | 'sshd'): ShellStep {
  return { kind: 'shell', id: `attack/${action}`, title: `hostile ${action}`, action, data, guard, timeoutMs: 60_000 };
}
