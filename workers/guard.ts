import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../core/fault.ts';
import type { ShellStep, UndoStep } from '../core/plan.ts';
import { type Host, hostCall, type StepOutcome } from './host.ts';
import type { Job } from './job.ts';
import type { Connection } from './ssh.ts';
import { stepFault } from './step-fault.ts';

/** The host puts the old state back by itself this long after arming, unless a new login confirmed the new one. */
const guardSeconds = 120;
const revertMs = (guardSeconds + 60) * 1000;
const proveMs = 45_000;
const reloadMs = 10_000;

/** Thrown when a guarded step failed and the host said that the old state is back. */
export class Reverted extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message, { cause: fault });
    this.fault = fault;
  }
}

/**
 * A two-phase step: arm, apply, log in on a new connection, disarm through it. Whatever goes wrong in between, the old state
 * is put back before this returns; rejects with `Reverted` then, or with the first Fault when the host could not be asked.
 */
export async function runGuarded(job: Job, host: Host, index: number, step: ShellStep | UndoStep): Promise<StepOutcome> {
  const armed = await host.call(index, 'guard_arm', { guard: step.guard ?? '', seconds: String(guardSeconds), step: step.id });
  if (armed.exit !== 0) throw stepFault(step, armed.exit, armed.stderr);
  try {
    const outcome = await host.run(index, step);
    await confirm(job, index, step);
    return outcome;
  } catch (thrown) {
    const fault = thrown instanceof Fault ? thrown : new Fault('internal', { message: `${step.title}: it failed`, cause: thrown });
    if (fault.code === 'superseded') throw fault;
    // The guard put back what the step itself could not.
    const ended = fault.reason === 'not_put_back' && fault.cause instanceof Fault ? fault.cause : fault;
    if (await revert(job, host, index)) throw new Reverted(ended);
    job.note(`the host could not be asked; it puts the old state back by itself within ${guardSeconds} s of the step's begin`);
    throw fault;
  }
}

/** The proof that nobody is locked out: a new TCP connection, a login, a command, the step's own verify, and only then disarm. */
async function confirm(job: Job, index: number, step: ShellStep | UndoStep): Promise<void> {
  const { runId, fence } = job.claim;
  const connection = await loginAnew(job);
  try {
    if (job.signal.aborted) throw new Fault('cancelled', 'the run was cancelled');
    const { data } = hostCall(step);
    let stderr = '';
    const exit = await connection.once(runId, fence, 'guard_confirm', step.kind === 'undo' ? {} : data, (stream, text) => {
      if (stream === 'stderr') stderr = (stderr + text).slice(-4096);
      job.record({ type: 'output', index, stream, text });
    });
    if (exit !== 0) throw stepFault(step, exit, stderr);
  } finally {
    connection.close();
  }
}

/** An sshd that was just told to reload closes its door for a moment; a door that stays closed is a lock-out. */
async function loginAnew(job: Job): Promise<Connection> {
  const signal = AbortSignal.any([job.signal, AbortSignal.timeout(proveMs)]);
  const until = Date.now() + reloadMs;
  for (;;) {
    let connection: Connection | undefined;
    try {
      connection = await job.fresh(signal);
      await connection.ping();
      return connection;
    } catch (thrown) {
      connection?.close();
      const passing = thrown instanceof Fault && ['refused', 'too_many_startups', 'connection_lost'].includes(thrown.reason ?? '');
      if (!passing || Date.now() > until) throw thrown;
      await sleep(300);
    }
  }
}

/** Asks until the host says that the old state is back: on the old session while it lives, else on new connections. */
async function revert(job: Job, host: Host, index: number): Promise<boolean> {
  const until = Date.now() + revertMs;
  const first = await host.call(index, 'guard_revert', {}).catch(() => null);
  if (first !== null && (first.exit === 0 || first.exit === 81)) return true;
  while (Date.now() < until) {
    if (await revertAnew(job).catch(() => false)) return true;
    await sleep(2000);
  }
  return false;
}

async function revertAnew(job: Job): Promise<boolean> {
  const { runId, fence } = job.claim;
  const connection = await job.fresh(AbortSignal.timeout(proveMs));
  try {
    const exit = await connection.once(runId, fence, 'guard_revert', {}, () => undefined);
    return exit === 0 || exit === 81;
  } finally {
    connection.close();
  }
}
