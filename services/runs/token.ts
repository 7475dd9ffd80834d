import { createHmac, timingSafeEqual } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { leaseMs } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { meta, runs, workers } from '../db/tables.ts';
import type { RunRow } from '../schedule.ts';
import { places } from '../vault/places.ts';

/** Outlives a restart of the control plane; the fence in the row is what really decides. */
const tokenMs = 15 * leaseMs;
const keyName = 'run_token_key';
const keys = new WeakMap<Context, Buffer>();

export type WorkerActor = Extract<Actor, { kind: 'worker' }>;

export interface Holder {
  run: RunRow;
  actor: WorkerActor;
}

interface Bound {
  runId: string;
  fence: number;
  workerId: string;
}

/** A token that only the holder of (run, fence, worker) has; nothing of it is stored. */
export function issueToken(ctx: Context, bound: Bound): string {
  const body = `${bound.runId}.${bound.fence}.${bound.workerId}.${ctx.now() + tokenMs}`;
  return `${body}.${mac(ctx, body).toString('base64url')}`;
}

/** The run, if the token is the one of its present holder. `superseded` when the run went on without it. */
export function demandHolder(ctx: Context, runId: string, token: string): Holder {
  const { run, actor } = bearer(ctx, runId, token);
  if (run.state !== 'running') throw new Fault('superseded', { message: 'the run is over or waits for another worker', reason: run.state });
  return { run, actor };
}

/** As `demandHolder`, also for a run that this holder has settled already. */
export function bearer(ctx: Context, runId: string, token: string): Holder {
  const bound = readToken(ctx, token);
  if (bound.runId !== runId) throw refused();
  const found = ctx.db.select().from(runs).innerJoin(workers, eq(workers.id, runs.workerId)).where(eq(runs.id, runId)).get();
  if (found === undefined || found.runs.fence !== bound.fence || found.runs.workerId !== bound.workerId) {
    throw new Fault('superseded', 'the run belongs to another worker now');
  }
  if (found.workers.revokedAtMs !== null) throw new Fault('not_allowed', { message: 'this worker was revoked', reason: 'worker_revoked' });
  return { run: found.runs, actor: { kind: 'worker', workerId: bound.workerId, runId, organizationId: found.runs.organizationId } };
}

function readToken(ctx: Context, token: string): Bound {
  const at = token.lastIndexOf('.');
  const body = token.slice(0, Math.max(at, 0));
  const given = Buffer.from(token.slice(at + 1), 'base64url');
  const expected = mac(ctx, body);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw refused();
  const [runId = '', fence = '', workerId = '', expiresAtMs = ''] = body.split('.');
  if (Number(expiresAtMs) < ctx.now()) throw refused();
  return { runId, fence: Number(fence), workerId };
}

function refused(): Fault {
  return new Fault('not_signed_in', { message: 'the run token is not valid', reason: 'run_token' });
}

function mac(ctx: Context, body: string): Buffer {
  return createHmac('sha256', tokenKey(ctx)).update(body).digest();
}

function tokenKey(ctx: Context): Buffer {
  const known = keys.get(ctx);
  if (known !== undefined) return known;
  const row = ctx.db.select().from(meta).where(eq(meta.key, keyName)).get();
  const key = row === undefined ? Buffer.from(ctx.random(32)) : ctx.vault.open(Buffer.from(row.value, 'base64'), places.meta(keyName));
  if (row === undefined)
    ctx.db
      .insert(meta)
      .values({ key: keyName, value: ctx.vault.seal(key, places.meta(keyName)).toString('base64') })
      .run();
  keys.set(ctx, key);
  return key;
}
