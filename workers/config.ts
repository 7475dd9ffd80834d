import { resolve } from 'node:path';
import { z } from 'zod';
import { Fault } from '../core/fault.ts';
import type { RunPlace } from './api.ts';

const schema = z.object({
  KIPPER_URL: z.url().default('http://localhost:8700'),
  KIPPER_DATA: z.string().min(1).default('./data'),
  KIPPER_REDIS_URL: z.url({ protocol: /^(?:rediss?|unix)$/ }).optional(),
  KIPPER_RUN_URL: z.url({ protocol: /^https$/ }).optional(),
  KIPPER_WORKER_KEY: z.string().min(1).optional(),
  KIPPER_TARGETS: z.enum(['any', 'public']).optional(),
  KIPPER_LOG: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
});

export interface WorkerConfig {
  readonly runPlace: RunPlace;
  readonly redisUrl: string;
  readonly dataDir: string;
  /** Where the worker keeps its identity when no supervisor hands it one. */
  readonly keyFile: string;
  readonly targets: 'any' | 'public';
  readonly log: string;
}

/** Reads the environment once. A wrong setting refuses with a sentence that names the variable. */
export function readWorkerConfig(environment: Record<string, string | undefined>): WorkerConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Fault('invalid_input', {
      message: `${String(issue?.path[0])}: ${issue?.message}`,
      field: String(issue?.path[0]),
      hint: 'the settings are listed in docs/configuration.md',
    });
  }
  const env = parsed.data;
  const dataDir = resolve(env.KIPPER_DATA);
  return {
    runPlace: env.KIPPER_RUN_URL === undefined ? { socketPath: `${dataDir}/run.sock` } : { origin: new URL(env.KIPPER_RUN_URL).origin },
    redisUrl: env.KIPPER_REDIS_URL ?? `unix://${encodeURI(dataDir)}/redis.sock`,
    dataDir,
    keyFile: resolve(env.KIPPER_WORKER_KEY ?? `${dataDir}/workers/worker.key`),
    targets: env.KIPPER_TARGETS ?? (isPrivate(new URL(env.KIPPER_URL).hostname) ? 'any' : 'public'),
    log: env.KIPPER_LOG,
  };
}

function isPrivate(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '[::1]' ||
    /^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^\[f[cd]/.test(host) ||
    /\.(?:internal|local)$/.test(host)
  );
}
