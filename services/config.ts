import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { Fault } from '../core/fault.ts';

const hostPort = z.string().regex(/^(?:\[[0-9a-fA-F:]+\]|[0-9a-zA-Z.-]+):\d{1,5}$/, 'use HOST:PORT');
const origin = z
  .url({ protocol: /^https?$/ })
  .refine((text) => new URL(text).origin === text.replace(/\/$/, ''), 'use an origin: scheme, host and port, no path');

const schema = z.object({
  KIPPER_URL: origin.default('http://localhost:8700'),
  KIPPER_LISTEN: hostPort.default('127.0.0.1:8700'),
  KIPPER_BEHIND_PROXY: z.coerce.number().int().min(0).max(8).default(0),
  KIPPER_TLS_CERT: z.string().optional(),
  KIPPER_TLS_KEY: z.string().optional(),
  KIPPER_DATA: z.string().min(1).default('./data'),
  KIPPER_KEY_FILE: z.string().min(1).optional(),
  KIPPER_REDIS_URL: z.url({ protocol: /^(?:rediss?|unix)$/ }).optional(),
  KIPPER_RUN_LISTEN: hostPort.optional(),
  KIPPER_METRICS_LISTEN: z.undefined('metrics come with a later version; take this setting out').optional(),
  KIPPER_TARGETS: z.enum(['any', 'public']).optional(),
  KIPPER_ARTIFACTS: z.string().optional(),
  KIPPER_LOG: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
});

export interface Config {
  readonly url: string;
  readonly listen: { host: string; port: number };
  readonly behindProxy: number;
  readonly tls: { certFile: string; keyFile: string } | null;
  readonly dataDir: string;
  readonly keyFile: string;
  readonly redisUrl: string | null;
  readonly runListen: { host: string; port: number } | null;
  readonly targets: 'any' | 'public';
  readonly artifactsFile: string | null;
  readonly log: string;
}

/** Reads the environment once. A wrong setting refuses with a sentence that names the variable. */
export function readConfig(environment: Record<string, string | undefined>): Config {
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
  const listen = splitHostPort(env.KIPPER_LISTEN, 'KIPPER_LISTEN');
  const tls = readTls(env.KIPPER_TLS_CERT, env.KIPPER_TLS_KEY);
  if (!isLoopback(listen.host) && tls === null && env.KIPPER_BEHIND_PROXY === 0) {
    throw new Fault('invalid_input', {
      message: `KIPPER_LISTEN: ${env.KIPPER_LISTEN} is not a loopback address and would serve without TLS`,
      field: 'KIPPER_LISTEN',
      hint: 'set KIPPER_TLS_CERT and KIPPER_TLS_KEY, or KIPPER_BEHIND_PROXY=1 behind a proxy that speaks TLS',
    });
  }
  const dataDir = resolve(env.KIPPER_DATA);
  const url = env.KIPPER_URL.replace(/\/$/, '');
  return {
    url,
    listen,
    behindProxy: env.KIPPER_BEHIND_PROXY,
    tls,
    dataDir,
    keyFile: resolve(env.KIPPER_KEY_FILE ?? `${dataDir}.key`),
    redisUrl: env.KIPPER_REDIS_URL ?? null,
    runListen: env.KIPPER_RUN_LISTEN === undefined ? null : splitHostPort(env.KIPPER_RUN_LISTEN, 'KIPPER_RUN_LISTEN'),
    targets: env.KIPPER_TARGETS ?? (isPrivateHost(new URL(url).hostname) ? 'any' : 'public'),
    artifactsFile: env.KIPPER_ARTIFACTS === undefined ? null : resolve(env.KIPPER_ARTIFACTS),
    log: env.KIPPER_LOG,
  };
}

function splitHostPort(text: string, variable: string): { host: string; port: number } {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (port < 1 || port > 65535) throw new Fault('invalid_input', { message: `${variable}: use a port from 1 to 65535`, field: variable });
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port };
}

function readTls(certFile: string | undefined, keyFile: string | undefined): { certFile: string; keyFile: string } | null {
  if (certFile === undefined && keyFile === undefined) return null;
  if (certFile === undefined || keyFile === undefined) {
    throw new Fault('invalid_input', {
      message: 'KIPPER_TLS_CERT and KIPPER_TLS_KEY go together',
      field: certFile === undefined ? 'KIPPER_TLS_CERT' : 'KIPPER_TLS_KEY',
    });
  }
  for (const [variable, file] of [
    ['KIPPER_TLS_CERT', certFile],
    ['KIPPER_TLS_KEY', keyFile],
  ] as const) {
    try {
      readFileSync(file);
    } catch {
      throw new Fault('invalid_input', { message: `${variable}: cannot read ${file}`, field: variable });
    }
  }
  return { certFile: resolve(certFile), keyFile: resolve(keyFile) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isPrivateHost(host: string): boolean {
  return (
    isLoopback(host.replace(/^\[|\]$/g, '')) ||
    /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(host) ||
    /^\[f[cd]/.test(host) ||
    host.endsWith('.internal') ||
    host.endsWith('.local')
  );
}
