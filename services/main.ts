import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import { readConfig, type Config } from './config.ts';
import type { Context } from './context.ts';
import { startDispatcher, type Dispatcher } from './dispatch.ts';
import { clearParts } from './clusters/store.ts';
import { registerLocal } from './fleet/register.ts';
import { makeApp } from './http/app.ts';
import { listen, type Listening } from './listen.ts';
import { makeLog, type Log } from './log.ts';
import { freshenSigningKey } from './people/keys.ts';
import { hasPerson, makeSetupLink } from './people/setup.ts';
import { openQueue, type RunQueue } from './queue.ts';
import { startReconciler } from './reconcile.ts';
import { openRecord } from './record.ts';
import { makeRunApi } from './runapi.ts';

export interface ServeOptions {
  environment: Record<string, string | undefined>;
  /** Public keys of the workers that a supervisor starts beside us. */
  localWorkers: readonly string[];
  people: boolean;
  /** Between two passes of the reconciler. */
  reconcileMs?: number;
}

const stopGraceMs = 1_500;

/** Composition root of the control plane. Resolves when it serves; `stop` ends it in order. */
export async function serve(options: ServeOptions): Promise<{ stop(): Promise<void> }> {
  process.umask(0o077);
  const config = readConfig(options.environment);
  const log = makeLog(config.log, options.people, 'control plane');
  const bell: { dispatcher: Dispatcher | null; queue: RunQueue | null } = { dispatcher: null, queue: null };
  const record = await openRecord(config, () => bell.dispatcher?.ring());
  const { ctx } = record;
  const listening: Listening[] = [];
  const stopping = new AbortController();
  try {
    await clearParts(config.dataDir);
    registerLocal(ctx, options.localWorkers);
    listening.push(...(await listenForWorkers(ctx, log)));
    await freshenSigningKey(ctx);
    listening.push(
      await listen(
        makeApp(ctx, { log, redis: () => (bell.queue?.isUp() === true ? 'up' : 'down'), stopping: stopping.signal }).fetch,
        config.listen,
        config.tls,
        (thrown) => tellTls(log, thrown),
      ),
    );
  } catch (thrown) {
    for (const each of listening) await each.stop(0);
    record.close();
    throw thrown;
  }
  const queue = openQueue(config.redisUrl ?? `unix://${encodeURI(join(config.dataDir, 'redis.sock'))}`, () => bell.dispatcher?.ringAll());
  bell.queue = queue;
  bell.dispatcher = startDispatcher(ctx, queue, (text) => log.warn(text));
  const reconciler = startReconciler(ctx, (text) => log.warn(text), options.reconcileMs);
  greet(ctx, log);
  return {
    stop: async () => {
      stopping.abort();
      reconciler.stop();
      await bell.dispatcher?.stop();
      await Promise.all(listening.map((each) => each.stop(stopGraceMs)));
      await queue.close();
      record.close();
      log.info('stopped');
    },
  };
}

async function listenForWorkers(ctx: Context, log: Log): Promise<Listening[]> {
  const { config } = ctx;
  const { fetch } = makeRunApi(ctx, (fault) => log.error(fault.message, { cause: causeOf(fault) }));
  const places = [await listen(fetch, { path: join(config.dataDir, 'run.sock') }, null, () => {})];
  if (config.runListen !== null) places.push(await listenRemote(config, config.runListen, fetch, log));
  return places;
}

function listenRemote(
  config: Config,
  place: { host: string; port: number },
  fetch: Parameters<typeof listen>[0],
  log: Log,
): Promise<Listening> {
  if (config.tls === null)
    throw new Fault('invalid_input', {
      message: 'KIPPER_RUN_LISTEN needs TLS',
      field: 'KIPPER_RUN_LISTEN',
      hint: 'set KIPPER_TLS_CERT and KIPPER_TLS_KEY',
    });
  return listen(fetch, place, config.tls, (thrown) => tellTls(log, thrown));
}

function tellTls(log: Log, thrown: unknown): void {
  if (thrown === null) log.info('read the certificate again');
  else log.warn('the new certificate cannot be used; the one before stays', { cause: String(thrown) });
}

function causeOf(fault: Fault): string {
  return fault.cause instanceof Error ? (fault.cause.stack ?? fault.cause.message) : 'none';
}

function greet(ctx: Context, log: Log): void {
  log.info(`serving ${ctx.config.url}`);
  if (hasPerson(ctx)) return;
  const link = makeSetupLink(ctx);
  // Not through the log: the link is a secret, and only the one who starts Kipper may read it.
  process.stdout.write(`\nSet Kipper up within 30 minutes, once:\n  ${link.url.reveal()}\n\n`);
}
