import { EventEmitter } from 'node:events';
import { max, eq } from 'drizzle-orm';
import type { RunFeed } from '../../core/feed.ts';
import type { Context } from '../context.ts';
import { runEvents } from '../db/tables.ts';

const bus = new EventEmitter();
bus.setMaxListeners(0);

/** Adds to a run's feed; to be called inside the transaction of the change. Watchers are woken by `wakeWatchers` after it. */
export function writeFeed(ctx: Context, runId: string, feed: readonly RunFeed[]): void {
  if (feed.length === 0) return;
  const last = ctx.db
    .select({ seq: max(runEvents.seq) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
    .get();
  let seq = last?.seq ?? 0;
  const atMs = ctx.now();
  const statement = ctx.db.$client.prepare('insert into run_events (run_id, seq, at_ms, data) values (?, ?, ?, ?)');
  for (const event of feed) {
    seq += 1;
    statement.run(runId, seq, atMs, JSON.stringify(event));
  }
}

export function wakeWatchers(runId: string): void {
  bus.emit(runId);
}

/** Resolves at the next wake-up of the run, when the time has passed, or when the signal says so. */
export function nextWake(runId: string, timeoutMs: number, signal: AbortSignal): { promise: Promise<void>; drop(): void } {
  let drop = () => {};
  const promise = new Promise<void>((resolve) => {
    const timer = setTimeout(() => drop(), timeoutMs);
    drop = () => {
      clearTimeout(timer);
      bus.off(runId, drop);
      signal.removeEventListener('abort', drop);
      resolve();
    };
    bus.on(runId, drop);
    signal.addEventListener('abort', drop);
    if (signal.aborted) drop();
  });
  return { promise, drop: () => drop() };
}
