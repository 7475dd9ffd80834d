import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, faultCodes, toFault } from '../core/fault.ts';
import type { Claim, RunResult, Settlement } from '../core/runs.ts';
import type { Control, RunApi } from './api.ts';
import type { Job } from './job.ts';
import { openJob } from './open-job.ts';
import { patient } from './patient.ts';
import { Recorder } from './recorder.ts';

export type Handle = (job: Job) => Promise<RunResult>;

export interface RunParts {
  control: Control;
  claim: Claim;
  handle: Handle;
  targets: 'any' | 'public';
  beatMs: number;
  /** Aborted when the worker stops: the run is left to be resumed. */
  stopping: AbortSignal;
  log(text: string, cause?: unknown): void;
}

/** How long a handler may take to revert what is armed after it was told to stop. */
const windUpMs = 150_000;
const settleForMs = 15 * 60_000;

/** Codes that say: this run is not ours any more. Nothing is settled then. */
const lostCodes = new Set(['superseded', 'not_signed_in', 'not_allowed']);

/** Carries one claimed run to its settlement, or leaves it when another worker has it. */
export async function carryRun(parts: RunParts): Promise<void> {
  const { claim } = parts;
  const api = parts.control.run(claim);
  const end = new AbortController();
  let lost = parts.stopping.aborted;
  const lose = (fault: Fault) => {
    lost = true;
    end.abort(fault);
  };
  const stop = () => lose(new Fault('superseded', { message: 'the worker is stopping', reason: 'worker_stopping' }));
  parts.stopping.addEventListener('abort', stop);
  const recorder = new Recorder(api, (fault) => (lostCodes.has(fault.code) ? lose(fault) : end.abort(fault)));
  const heart = beat(api, parts.beatMs, (fault) => (lostCodes.has(fault.code) ? lose(fault) : end.abort(fault)));
  const timer = setTimeout(
    () =>
      end.abort(
        new Fault('timed_out', {
          message: `the run took longer than ${Math.round(claim.timeoutMs / 1000)} s`,
          hint: `look at its last step with kip run show ${claim.runId}`,
        }),
      ),
    claim.timeoutMs,
  );
  const { job, close } = openJob({ claim, api: patient(api, end.signal), recorder, signal: end.signal, targets: parts.targets });
  try {
    const settlement = await outcomeOf(parts, job, end.signal);
    if (lost) return;
    await recorder.drain();
    if (!lost) await settle(api, recorder.redactor.deep(settlement), () => lost);
  } finally {
    clearTimeout(timer);
    heart.stop();
    recorder.stop();
    parts.stopping.removeEventListener('abort', stop);
    await close();
  }
}

async function outcomeOf(parts: RunParts, job: Job, signal: AbortSignal): Promise<Settlement> {
  const ended = deferredAbort(signal);
  try {
    const result = await Promise.race([parts.handle(job), ended.promise]);
    return { outcome: 'succeeded', result };
  } catch (thrown) {
    const fault = toFault(signal.aborted ? signal.reason : thrown);
    if (fault.code === 'internal') parts.log(`run ${parts.claim.runId} failed inside`, fault.cause);
    return {
      outcome: fault.code === 'cancelled' ? 'cancelled' : 'failed',
      ...(fault.code === 'cancelled' ? {} : { fault: fault.view() }),
      result: { changed: 0 },
    };
  } finally {
    ended.drop();
  }
}

/** Rejects when a handler that was told to stop has not done so in time. */
function deferredAbort(signal: AbortSignal): { promise: Promise<never>; drop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => reject(signal.reason as Fault), windUpMs);
    };
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
  promise.catch(() => {});
  return {
    promise,
    drop: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Heartbeats until stopped. A control plane that does not answer is waited for: the host's lease protects the host meanwhile. */
function beat(api: RunApi, everyMs: number, end: (fault: Fault) => void): { stop(): void } {
  const state = { stopped: false };
  const turn = async () => {
    while (!state.stopped) {
      await sleep(everyMs, undefined, { ref: false });
      if (state.stopped) return;
      try {
        const { cancel } = await api.heartbeat();
        if (cancel) end(new Fault('cancelled', 'the run was cancelled'));
      } catch (thrown) {
        const fault = toFault(thrown);
        if (!faultCodes[fault.code].retryable) end(fault);
      }
    }
  };
  void turn();
  return {
    stop: () => {
      state.stopped = true;
    },
  };
}

/** A full disk or a restart of the control plane is waited for; the run is never told to be over before the record has it. */
async function settle(api: RunApi, settlement: Settlement, isLost: () => boolean, short = false): Promise<void> {
  const until = performance.now() + settleForMs;
  for (let waitMs = 200; !isLost(); waitMs = Math.min(waitMs * 2, 5_000)) {
    try {
      await api.settle(settlement);
      return;
    } catch (thrown) {
      const fault = toFault(thrown);
      // What was refused once is refused for ever: a short end is told, or the run would be done again and again.
      if (fault.code === 'invalid_input' && !short) return settle(api, shortEnd(settlement, fault), isLost, true);
      if (!faultCodes[fault.code].retryable || performance.now() > until) {
        if (lostCodes.has(fault.code)) return;
        throw fault;
      }
      await sleep(waitMs);
    }
  }
}

function shortEnd({ outcome, result }: Settlement, refused: Fault): Settlement {
  const fault = new Fault('internal', {
    message: 'the control plane could not read how this run ended',
    hint: 'the steps of the run are in the record: kip run show; report this',
    reason: 'settlement_refused',
    cause: refused,
  });
  return { outcome: outcome === 'cancelled' ? 'cancelled' : 'failed', fault: fault.view(), result: { changed: result.changed } };
}
