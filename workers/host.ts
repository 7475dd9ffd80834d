import { Fault } from '../core/fault.ts';
import type { FileStep, ShellStep, Step, UndoStep } from '../core/plan.ts';
import { call } from '../core/shell.ts';
import type { Job } from './job.ts';
import type { Session } from './session.ts';
import { stepFault } from './step-fault.ts';

export interface StepOutcome {
  changed: boolean;
  exit: number;
  stderr: string;
}

export type HostStep = ShellStep | FileStep | UndoStep;

const stderrKeep = 16 * 1024;
const sendTries = 3;
/** How long a killed step may take to put back what it had begun. */
const putBackMs = 120_000;

/** The function of the host library and the data that carry out a step. */
export function hostCall(step: HostStep): { verb: string; data: Record<string, string> } {
  if (step.kind === 'undo') return { verb: 'undo_entry', data: { entry: step.entry, force: step.force ? '1' : '0' } };
  const about = { step: step.id, title: oneLine(step.title), control: step.control ?? '' };
  if (step.kind === 'shell') {
    const { action, guard, once, data } = step;
    return { verb: 'step_run', data: { ...data, ...about, action, guard: guard ?? '', once: once === true ? '1' : '' } };
  }
  return { verb: 'step_run', data: { ...about, action: 'file', ...fileData(step) } };
}

function fileData(step: FileStep): Record<string, string> {
  const { path, owner, group, mode, content } = step;
  if ('absent' in content) return { path, absent: '1' };
  if ('text' in content) return { path, owner, group, mode, content: content.text };
  return { path, owner, group, mode, sha256: content.artefact };
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 200);
}

/** The run's root shell, replaced when a step has to be killed. Every step of every kind on the host goes through it. */
export class Host {
  readonly #job: Job;
  #replaced: Session | null = null;

  constructor(job: Job) {
    this.#job = job;
  }

  async call(index: number, verb: string, data: Record<string, string>): Promise<StepOutcome> {
    const { runId, fence } = this.#job.claim;
    const session = this.#replaced ?? (await this.#job.session());
    let stderr = '';
    const answer = await session.step(call(verb, { ...data, run: runId, fence: String(fence) }), (stream, text) => {
      if (stream === 'stderr') stderr = (stderr + text).slice(-stderrKeep);
      this.#job.record({ type: 'output', index, stream, text });
    });
    return { ...answer, stderr };
  }

  /** Runs a step to its end; rejects with a Fault when it failed, ran out of time or was cancelled. What it began is put back then. */
  async run(index: number, step: HostStep): Promise<StepOutcome> {
    const { verb, data } = hostCall(step);
    const work = (): Promise<StepOutcome> => this.#limited(index, step, this.#withArtefact(index, step, verb, data));
    const outcome = await work().catch((thrown: unknown) => {
      if (step.kind !== 'file' && step.guard !== undefined) throw thrown;
      if (!(thrown instanceof Fault) || thrown.reason !== 'connection_lost' || this.#job.signal.aborted) throw thrown;
      this.#job.note('the connection broke; trying the same step once more on a new one');
      this.#replaced = null;
      return work();
    });
    if (outcome.exit !== 0) throw stepFault(step, outcome.exit, outcome.stderr);
    return outcome;
  }

  /** An artefact is sent only when the host says that it lacks it. */
  async #withArtefact(index: number, step: HostStep, verb: string, data: Record<string, string>): Promise<StepOutcome> {
    const first = await this.call(index, verb, data);
    if (first.exit !== 12 || step.kind !== 'file' || !('artefact' in step.content)) return first;
    const { artefact, bytes } = step.content;
    await this.#send(artefact, bytes, sendTries);
    return this.call(index, verb, data);
  }

  /** The control plane may restart in the middle of a long file; the host keeps nothing of a broken one. */
  async #send(artefact: string, bytes: number, tries: number): Promise<void> {
    const { stream } = await this.#job.api.artefact(artefact);
    const connection = await this.#job.connection();
    try {
      await connection.upload(stream, bytes, artefact, this.#job.claim.fence);
    } catch (thrown) {
      const broke = thrown instanceof Fault && thrown.reason === 'connection_lost' && !connection.lost.aborted;
      if (!broke || tries <= 1 || this.#job.signal.aborted) throw thrown;
      await this.#send(artefact, bytes, tries - 1);
    }
  }

  async #limited(index: number, step: HostStep, work: Promise<StepOutcome>): Promise<StepOutcome> {
    const limit = AbortSignal.timeout(step.timeoutMs);
    const signal = AbortSignal.any([limit, this.#job.signal]);
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(limit.aborted ? timedOut(step) : stopReason(this.#job.signal));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      return await Promise.race([work, stopped.promise]);
    } catch (thrown) {
      work.catch(() => undefined);
      if (signal.aborted && !(await this.#kill(index, step))) throw notPutBack(step, thrown);
      throw thrown;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** A new session of the same run ends the old one's whole process group. Tells whether the old state is back after that. */
  async #kill(index: number, step: HostStep): Promise<boolean> {
    const { runId, fence } = this.#job.claim;
    try {
      const connection = await this.#job.connection();
      this.#replaced = await connection.session(runId, fence);
      if (step.kind === 'undo' || (step.kind === 'shell' && step.once === true)) return false;
      const { data } = hostCall(step);
      const { exit } = await within(putBackMs, this.call(index, 'step_revert', data));
      return exit === 0;
    } catch (thrown) {
      const message = thrown instanceof Fault ? thrown.message : 'the connection broke';
      this.#job.note(`"${step.title}" could not be put back: ${message}`);
      return false;
    }
  }
}

/** The cause is the Fault that ended the step. */
function notPutBack(step: HostStep, thrown: unknown): Fault {
  if (thrown instanceof Fault && thrown.code === 'superseded') return thrown;
  return new Fault('step_failed', {
    message: `${step.title}: it was ended before it was done, and what it had begun is still on the host`,
    hint: hintOf(step),
    reason: 'not_put_back',
    cause: thrown,
  });
}

function hintOf(step: HostStep): string {
  if (step.kind === 'undo') return 'run kip server undo again: it goes on where this one stopped';
  if (step.kind === 'shell' && step.once === true) return 'nothing of this step is kept to put back; start the run again: kip run retry';
  return 'the host keeps the old state in /var/lib/kipper/undo; `kip server undo` puts it back';
}

function timedOut(step: Step): Fault {
  return new Fault('timed_out', {
    message: `${step.title}: not done after ${Math.round(step.timeoutMs / 1000)} s; it was ended and put back`,
    hint: 'the output shows how far it came: kip run show',
    reason: 'step_timed_out',
  });
}

/** Why a run was told to stop. */
export function stopReason(signal: AbortSignal): Fault {
  return signal.reason instanceof Fault ? signal.reason : new Fault('cancelled', 'the run was cancelled');
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(ms);
  return new Promise((resolve, reject) => {
    limit.addEventListener('abort', () => reject(new Fault('timed_out', `no answer within ${ms / 1000} s`)), { once: true });
    work.then(resolve, reject);
  });
}
