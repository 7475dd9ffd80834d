import { and, asc, count, eq, gt, inArray, isNotNull, isNull, min, or } from 'drizzle-orm';
import { workerSlots } from '../core/wire.ts';
import type { Context } from './context.ts';
import { atomically } from './db/open.ts';
import { runs, workers } from './db/tables.ts';
import type { RunQueue } from './queue.ts';

/** A worker that was not heard of for longer is not counted on. */
const seenMs = 5 * 60_000;

export interface Dispatcher {
  /** Looks at the record soon; many calls become one look. */
  ring(): void;
  /** As `ring`, and also rings again for what was rung before: Redis may have lost it. */
  ringAll(): void;
  stop(): Promise<void>;
}

export function startDispatcher(ctx: Context, queue: RunQueue, warn: (text: string) => void): Dispatcher {
  const state = { wanted: false, stopped: false };
  let busy: Promise<void> | null = null;
  let failing = false;
  const look = async () => {
    while (state.wanted && !state.stopped) {
      state.wanted = false;
      try {
        await dispatch(ctx, queue);
        failing = false;
      } catch (thrown) {
        // Said once an outage: it is tried again every few seconds.
        if (!failing) warn(`cannot ring the workers: ${thrown instanceof Error ? thrown.message : 'unknown'}; the runs wait`);
        failing = true;
      }
    }
    busy = null;
  };
  const ring = () => {
    state.wanted = true;
    busy ??= new Promise<void>((resolve) => setImmediate(resolve)).then(look);
  };
  return {
    ring,
    ringAll: () => {
      if (state.stopped) return;
      try {
        forgetRings(ctx);
      } catch {
        // A full disk: the reconciler rings again later.
      }
      ring();
    },
    stop: async () => {
      state.stopped = true;
      await busy;
    },
  };
}

/** Marks as not rung whatever still waits. */
function forgetRings(ctx: Context): void {
  ctx.db
    .update(runs)
    .set({ rungAtMs: null })
    .where(and(eq(runs.state, 'queued'), isNotNull(runs.rungAtMs)))
    .run();
}

/** One round: marks first and rings then, so that a crash in between is an old mark that the reconciler removes. */
async function dispatch(ctx: Context, queue: RunQueue): Promise<void> {
  const chosen = atomically(ctx.db, () => {
    const picked = pickRuns(ctx);
    if (picked.length > 0) ctx.db.update(runs).set({ rungAtMs: ctx.now() }).where(inArray(runs.id, picked)).run();
    return picked;
  });
  for (const [at, runId] of chosen.entries()) {
    try {
      await queue.add(runId, ctx.now());
    } catch (thrown) {
      ctx.db
        .update(runs)
        .set({ rungAtMs: null })
        .where(and(inArray(runs.id, chosen.slice(at)), eq(runs.state, 'queued')))
        .run();
      throw thrown;
    }
  }
}

/** Runs that may start now, one a server, fairly by organization, within 2 × what the workers can carry. */
export function pickRuns(ctx: Context): string[] {
  const rung = or(eq(runs.state, 'running'), and(eq(runs.state, 'queued'), isNotNull(runs.rungAtMs)));
  const under = ctx.db.select({ organizationId: runs.organizationId, serverId: runs.serverId }).from(runs).where(rung).all();
  const taken = new Set(under.map((run) => run.serverId));
  const outstanding = new Map<string, number>();
  for (const { organizationId } of under) outstanding.set(organizationId, (outstanding.get(organizationId) ?? 0) + 1);
  let room = 2 * workerSlots * workersThere(ctx) - under.length;
  const queues = new Map<string, string[]>();
  for (const run of firstOfServers(ctx)) {
    if (run.id === null || taken.has(run.serverId)) continue;
    queues.set(run.organizationId, [...(queues.get(run.organizationId) ?? []), run.id]);
  }
  const picked: string[] = [];
  for (; room > 0 && queues.size > 0; room -= 1) {
    const organization = [...queues.keys()].reduce((least, each) =>
      (outstanding.get(each) ?? 0) < (outstanding.get(least) ?? 0) ? each : least,
    );
    const [next, ...rest] = queues.get(organization) ?? [];
    if (next !== undefined) picked.push(next);
    outstanding.set(organization, (outstanding.get(organization) ?? 0) + 1);
    if (rest.length === 0) queues.delete(organization);
    else queues.set(organization, rest);
  }
  return picked;
}

/** The oldest run of each server that waits: however many wait for one server, they hide no other. */
function firstOfServers(ctx: Context) {
  const id = min(runs.id);
  return ctx.db
    .select({ id, organizationId: runs.organizationId, serverId: runs.serverId })
    .from(runs)
    .where(eq(runs.state, 'queued'))
    .groupBy(runs.serverId)
    .orderBy(asc(id))
    .all();
}

function workersThere(ctx: Context): number {
  const row = ctx.db
    .select({ there: count() })
    .from(workers)
    .where(and(isNull(workers.revokedAtMs), or(eq(workers.local, true), gt(workers.lastSeenAtMs, ctx.now() - seenMs))))
    .get();
  return Math.max(row?.there ?? 0, 1);
}
