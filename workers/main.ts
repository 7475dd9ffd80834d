import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { toFault } from '../core/fault.ts';
import { queueName, queuePrefix, redisPlace } from '../core/redis.ts';
import { heartbeatMs, type Claim, type RunResult } from '../core/runs.ts';
import { workerSlots } from '../core/wire.ts';
import { openControl, type Control } from './api.ts';
import { readWorkerConfig } from './config.ts';
import { handleRun } from './handlers.ts';
import { identityFromFd, identityFromFile, type Identity } from './identity.ts';
import type { Job } from './job.ts';
import { carryRun } from './run.ts';

export interface WorkOptions {
  environment: Record<string, string | undefined>;
  /** Where a supervisor put the identity; else it is in a file. */
  identityFd: number | null;
  people: boolean;
  /** How a run of any kind is done; the shipped one maps the kind to its file. */
  handle?: (job: Job) => Promise<RunResult>;
  /** Between two heartbeats of a run. */
  beatMs?: number;
}

const claimForMs = 20_000;
const stopForMs = 10_000;

/** Composition root of a worker. Resolves when it listens for rings; `stop` leaves its runs to be resumed. */
export async function work(options: WorkOptions): Promise<{ stop(): Promise<void> }> {
  process.umask(0o077);
  const config = readWorkerConfig(options.environment);
  const identity = options.identityFd === null ? identityFromFile(config.keyFile) : identityFromFd(options.identityFd);
  const control = openControl(config.runPlace);
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const log = makeLog(options.people);
  const { handle = handleRun, beatMs = heartbeatMs } = options;
  const ring = async (runId: string) => {
    while (running.size >= workerSlots) await Promise.race(running);
    const claim = await claimSoon(control, identity, runId, stopping.signal);
    if (claim === null) return;
    const run: Promise<void> = carryRun({ control, claim, handle, targets: config.targets, beatMs, stopping: stopping.signal, log })
      .catch((thrown: unknown) => log(`run ${claim.runId} could not be settled`, thrown))
      .finally(() => running.delete(run));
    running.add(run);
  };
  const worker = new Worker<{ runId: string }>(queueName, (job) => ring(job.data.runId), {
    prefix: queuePrefix,
    concurrency: 1,
    connection: {
      ...redisPlace(config.redisUrl),
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(times * 50, 1_000),
    },
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  // Redis going away is expected: the connection comes back by itself and the record rings again.
  worker.on('error', () => {});
  return {
    stop: async () => {
      stopping.abort();
      const closed = worker.close().catch(() => {});
      await Promise.race([Promise.all([closed, ...running]), sleep(stopForMs, undefined, { ref: false })]);
      control.close();
    },
  };
}

/** The ring is spent after this, so a control plane that is just starting is waited for. */
async function claimSoon(control: Control, identity: Identity, runId: string, stopping: AbortSignal): Promise<Claim | null> {
  const until = performance.now() + claimForMs;
  for (;;) {
    if (stopping.aborted) return null;
    try {
      return await control.claim(runId, await identity.claim(runId));
    } catch (thrown) {
      if (toFault(thrown).code !== 'unavailable' || performance.now() > until) throw thrown;
      await sleep(500);
    }
  }
}

function makeLog(people: boolean): (text: string, cause?: unknown) => void {
  return (text, cause) => {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : undefined;
    const time = new Date().toISOString();
    process.stdout.write(
      people
        ? `${time.slice(11, 19)} worker warning: ${text}${why === undefined ? '' : `\n${why}`}\n`
        : `${JSON.stringify({ level: 40, time, part: 'worker', msg: text, cause: why })}\n`,
    );
  };
}
