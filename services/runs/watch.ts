import { and, asc, eq, gt } from 'drizzle-orm';
import type { FeedEntry, RunFeed } from '../../core/feed.ts';
import { settled } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { runEvents, runs } from '../db/tables.ts';
import { nextWake } from './feed.ts';
import { findRun } from './show.ts';

const rowsAtATime = 100;
const lookAgainMs = 5_000;

/**
 * The run's feed after `after`, live until the run has settled or the signal aborts. Nothing is kept for a reader that
 * does not ask: a stalled one costs no memory and holds up nobody.
 */
export function watchRun(
  ctx: Context,
  actor: Actor,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<FeedEntry, void, void> {
  const run = findRun(ctx, actor, id);
  return follow(ctx, run.id, after, signal);
}

async function* follow(ctx: Context, runId: string, after: number, signal: AbortSignal): AsyncGenerator<FeedEntry, void, void> {
  let seq = after;
  while (!signal.aborted) {
    const wake = nextWake(runId, lookAgainMs, signal);
    try {
      const over = isSettled(ctx, runId);
      const rows = ctx.db
        .select()
        .from(runEvents)
        .where(and(eq(runEvents.runId, runId), gt(runEvents.seq, seq)))
        .orderBy(asc(runEvents.seq))
        .limit(rowsAtATime)
        .all();
      for (const row of rows) {
        seq = row.seq;
        yield { seq, atMs: row.atMs, event: JSON.parse(row.data) as RunFeed };
        if (signal.aborted) return;
      }
      if (rows.length === rowsAtATime) continue;
      if (over) return;
      await wake.promise;
    } finally {
      wake.drop();
    }
  }
}

function isSettled(ctx: Context, runId: string): boolean {
  const row = ctx.db.select({ state: runs.state }).from(runs).where(eq(runs.id, runId)).get();
  return row === undefined || settled.includes(row.state);
}
