import { Hono } from 'hono';
import type { Context } from '../../context.ts';
import type { HttpEnv } from '../openapi.ts';

export type RedisState = 'up' | 'down' | 'unknown';

/**
 * /healthz: the process answers. /readyz: the record can be written and nobody asked us to stop; Redis is said, but a
 * control plane without its doorbell still works.
 */
export function healthRoutes(ctx: Context, redis: () => RedisState, stopping: AbortSignal) {
  const app = new Hono<HttpEnv>();
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    const record = stopping.aborted ? 'stopping' : isWritable(ctx) ? 'writable' : 'not writable';
    return c.json({ status: record === 'writable' ? 'ready' : 'not ready', record, redis: redis() }, record === 'writable' ? 200 : 503);
  });
  return app;
}

/** A real write that is rolled back: a full disk or a lost volume shows here first. */
function isWritable(ctx: Context): boolean {
  const { $client } = ctx.db;
  try {
    $client.exec('begin immediate');
    try {
      $client.prepare("insert into meta (key, value) values ('readiness', ?) on conflict (key) do update set value = excluded.value").run(String(ctx.now()));
    } finally {
      $client.exec('rollback');
    }
    return true;
  } catch {
    return false;
  }
}
