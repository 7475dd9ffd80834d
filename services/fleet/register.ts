import { and, eq, isNull, notInArray } from 'drizzle-orm';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../../core/ids.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { workers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { revokeInside } from './revoke.ts';

export type WorkerRow = typeof workers.$inferSelect;

const actor = { kind: 'system', job: 'fleet' } as const;
const mostKeyFiles = 256;
/** base64url of the 32 bytes of an Ed25519 public key. */
const shape = /^[A-Za-z0-9_-]{43}$/;

/** The workers that the supervisor starts beside us: exactly these are local now; earlier local ones are revoked. */
export function registerLocal(ctx: Context, publicKeys: readonly string[]): void {
  atomically(ctx.db, () => {
    const stale = ctx.db
      .select()
      .from(workers)
      .where(and(eq(workers.local, true), isNull(workers.revokedAtMs), notInArray(workers.publicKey, [...publicKeys])))
      .all();
    for (const worker of stale) revokeInside(ctx, actor, worker);
    publicKeys.forEach((publicKey, at) => register(ctx, { name: `local-${at + 1}`, publicKey, local: true }));
  });
}

/** Whether a text has the form of a worker's public key. */
export function isWorkerKey(text: string): boolean {
  return shape.test(text);
}

/**
 * The worker with this key, for a caller that has proved that it holds the key. One that nobody has registered yet may have
 * its key in the data folder, put there by who may write it.
 */
export function findWorker(ctx: Context, publicKey: string): WorkerRow | undefined {
  const known = ctx.db.select().from(workers).where(eq(workers.publicKey, publicKey)).get();
  if (known !== undefined) return known.revokedAtMs === null ? known : undefined;
  const folder = join(ctx.config.dataDir, 'workers');
  const file = keyFilesIn(folder).find((name) => holdsKey(join(folder, name), publicKey));
  if (file === undefined) return undefined;
  return atomically(ctx.db, () => register(ctx, { name: file.slice(0, -4), publicKey, local: false }));
}

/** The size is looked at first: a key is 43 letters, whatever else lies there. */
function holdsKey(file: string, publicKey: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile() && found.size <= 100 && readFileSync(file, 'utf8').trim() === publicKey;
}

function register(ctx: Context, parts: { name: string; publicKey: string; local: boolean }): WorkerRow {
  const known = ctx.db.select().from(workers).where(eq(workers.publicKey, parts.publicKey)).get();
  if (known !== undefined) return known;
  const nowMs = ctx.now();
  const row = ctx.db
    .insert(workers)
    .values({ id: newId('worker', nowMs, ctx.random), createdAtMs: nowMs, ...parts })
    .returning()
    .get();
  writeEvent(ctx, actor, {
    organizationId: null,
    name: 'worker.registered',
    subject: row.id,
    data: { name: parts.name, local: parts.local },
  });
  return row;
}

function keyFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.pub'))
      .slice(0, mostKeyFiles);
  } catch {
    return [];
  }
}
