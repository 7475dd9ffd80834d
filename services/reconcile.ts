import { and, eq, gt, inArray, isNotNull, lt, or } from 'drizzle-orm';
import { Fault } from '../core/fault.ts';
import { leaseMs } from '../core/runs.ts';
import type { Context } from './context.ts';
import { atomically } from './db/open.ts';
import { runs } from './db/tables.ts';
import { writeEvent } from './events.ts';
import { wakeWatchers, writeFeed } from './runs/feed.ts';
import { finishRun } from './runs/finish.ts';
import type { RunRow } from './schedule.ts';

/** A ring that no worker answered for longer is rung again. */
const ringAgainMs = 30_000;
/** The worker itself ends a run that is out of time; this is for one that does not. */
const timeoutGraceMs = 60_000;
const attemptsAtMost = 5;

const actor = { kind: 'system', job: 'reconcile' } as const;

/**
 * One pass over everything that is open: what lost its worker goes back to the queue with its frozen plan, what is out
 * of time or attempts fails, what was rung in vain is rung again. Safe at any moment and with any clock.
 */
export function reconcile(ctx: Context): void {
  mendClock(ctx);
  const nowMs = ctx.now();
  const thrown: unknown[] = [];
  for (const run of ctx.db.select().from(runs).where(eq(runs.state, 'running')).all()) {
    try {
      settleLost(ctx, run, nowMs);
    } catch (one) {
      thrown.push(one);
    }
  }
  ctx.db
    .update(runs)
    .set({ rungAtMs: null })
    .where(and(eq(runs.state, 'queued'), isNotNull(runs.rungAtMs), lt(runs.rungAtMs, nowMs - ringAgainMs)))
    .run();
  ctx.ring();
  // One run that cannot be ended holds up no other; it is said each time.
  if (thrown.length > 0) throw thrown[0];
}

function settleLost(ctx: Context, run: RunRow, nowMs: number): void {
  if (isOutOfTime(run, nowMs))
    endRun(
      ctx,
      run,
      new Fault('timed_out', {
        message: `the run took longer than ${Math.round(run.timeoutMs / 1000)} s`,
        hint: `look at its last step with kip run show ${run.id}`,
      }),
    );
  else if ((run.leaseUntilMs ?? 0) < nowMs) expireRun(ctx, run);
}

/** A clock that jumped back would keep times in the future for as long as it jumped: they become now. */
function mendClock(ctx: Context): void {
  const nowMs = ctx.now();
  const openStates = inArray(runs.state, ['queued', 'running']);
  const ahead = ctx.db
    .select({ id: runs.id, startedAtMs: runs.startedAtMs, leaseUntilMs: runs.leaseUntilMs, rungAtMs: runs.rungAtMs })
    .from(runs)
    .where(and(openStates, or(gt(runs.leaseUntilMs, nowMs + leaseMs), gt(runs.startedAtMs, nowMs), gt(runs.rungAtMs, nowMs))))
    .all();
  for (const run of ahead) {
    ctx.db
      .update(runs)
      .set({
        startedAtMs: run.startedAtMs === null ? null : Math.min(run.startedAtMs, nowMs),
        leaseUntilMs: run.leaseUntilMs === null ? null : Math.min(run.leaseUntilMs, nowMs + leaseMs),
        rungAtMs: run.rungAtMs === null || run.rungAtMs > nowMs ? null : run.rungAtMs,
      })
      .where(eq(runs.id, run.id))
      .run();
  }
}

function isOutOfTime(run: RunRow, nowMs: number): boolean {
  return run.startedAtMs !== null && run.startedAtMs + run.timeoutMs + timeoutGraceMs < nowMs;
}

function expireRun(ctx: Context, run: RunRow): void {
  if (run.attempts >= attemptsAtMost) {
    endRun(
      ctx,
      run,
      new Fault('unavailable', {
        message: `the run lost its worker ${attemptsAtMost} times`,
        reason: 'attempts',
        hint: 'look at the workers, then try it again with kip run retry',
      }),
    );
    return;
  }
  atomically(ctx.db, () => {
    if (run.cancelAtMs !== null) {
      finishRun(ctx, actor, run, { outcome: 'cancelled', result: { changed: 0 } });
      return;
    }
    const back = ctx.db
      .update(runs)
      .set({ state: 'queued', leaseUntilMs: null, rungAtMs: null })
      .where(and(eq(runs.id, run.id), eq(runs.state, 'running'), eq(runs.fence, run.fence)))
      .run();
    if (back.changes === 0) return;
    writeEvent(ctx, actor, {
      organizationId: run.organizationId,
      name: 'run.expired',
      subject: run.id,
      runId: run.id,
      data: { fence: run.fence, attempt: run.attempts },
    });
    writeFeed(ctx, run.id, [
      { type: 'state', state: 'queued' },
      { type: 'note', text: 'the worker was lost: another one goes on with the same plan' },
    ]);
  });
  wakeWatchers(run.id);
}

function endRun(ctx: Context, run: RunRow, fault: Fault): void {
  atomically(ctx.db, () => {
    finishRun(ctx, actor, run, { outcome: 'failed', fault: fault.view(), result: { changed: 0 } });
  });
  wakeWatchers(run.id);
}

/**
 * Reconciles now and every `everyMs`. At start, runs whose worker may have outlived the control plane keep their lease once more.
 */
export function startReconciler(ctx: Context, warn: (text: string) => void, everyMs = 5_000): { stop(): void } {
  const pass = (work: () => void) => {
    try {
      work();
    } catch (thrown) {
      warn(`reconciling failed: ${thrown instanceof Error ? thrown.message : 'unknown'}`);
    }
  };
  pass(() => {
    ctx.db
      .update(runs)
      .set({ leaseUntilMs: ctx.now() + leaseMs })
      .where(and(eq(runs.state, 'running'), gt(runs.leaseUntilMs, 0)))
      .run();
    reconcile(ctx);
  });
  const timer = setInterval(() => pass(() => reconcile(ctx)), everyMs);
  return { stop: () => clearInterval(timer) };
}
