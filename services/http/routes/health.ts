import { statfsSync } from 'node:fs';
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

/** What one write may need at once. */
const roomBytes = 256 * 1024;

/** Room on the disk, and a real write that is rolled back: it does not reach the disk, and shows a lost or locked record. */
function isWritable(ctx: Context): boolean {
  const { $client } = ctx.db;
  try {
    const { bavail, bsize } = statfsSync(ctx.config.dataDir);
    if (bavail * bsize < roomBytes) return false;
    $client.exec('begin immediate');
    try {
      $client
        .prepare("insert into meta (key, value) values ('readiness', ?) on conflict (key) do update set value = excluded.value")
        .run(String(ctx.now()));
    } finally {
      $client.exec('rollback');
    }
    return true;
  } catch {
    return false;
  }
}
