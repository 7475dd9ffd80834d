import { asc } from 'drizzle-orm';
import type { Context } from '../context.ts';
import { workers } from '../db/tables.ts';

export function listWorkers(ctx: Context) {
  const rows = ctx.db.select().from(workers).orderBy(asc(workers.id)).all();
  return rows.map(({ id, name, local, createdAtMs, lastSeenAtMs, revokedAtMs }) => ({ id, name, local, createdAtMs, lastSeenAtMs, revokedAtMs }));
}
