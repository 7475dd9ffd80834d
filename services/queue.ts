import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { queueName, queuePrefix, redisPlace } from '../core/redis.ts';

/** The doorbell: it carries run ids and nothing else, and may be lost. */
export interface RunQueue {
  /** Rejects within 2 s while Redis is away; a ring that arrives later is surplus and harmless. */
  add(runId: string, rungAtMs: number): Promise<void>;
  /** Rings that no worker has answered yet. */
  waiting(): Promise<number>;
  isUp(): boolean;
  close(): Promise<void>;
}

const addTimeoutMs = 2_000;

/** `onReady` is called at every (re)connection: what Redis knew before may be gone. */
export function openQueue(redisUrl: string, onReady: () => void): RunQueue {
  const redis = new Redis({ ...redisPlace(redisUrl), maxRetriesPerRequest: 1, retryStrategy: (times) => Math.min(times * 100, 2_000) });
  // Redis going away is expected; whoever rings sees the rejection, and the reconciler rings again.
  redis.on('error', () => {});
  redis.on('ready', onReady);
  const queue = new Queue(queueName, { prefix: queuePrefix, connection: redis });
  queue.on('error', () => {});
  return {
    add: async (runId, rungAtMs) => {
      await within(queue.add('run', { runId }, { jobId: `${runId}-${rungAtMs}`, attempts: 1, removeOnComplete: true, removeOnFail: true }));
    },
    waiting: () => within(queue.getJobCountByTypes('wait', 'active', 'prioritized')),
    isUp: () => redis.status === 'ready',
    close: async () => {
      await within(queue.close()).catch(() => {});
      redis.disconnect();
    },
  };
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('redis did not answer')), addTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
