import { eq } from 'drizzle-orm';
import { leaseMs, type Heartbeat } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs, workers } from '../db/tables.ts';
import { demandHolder, issueToken } from './token.ts';

/** Keeps the run with its worker and tells it of a cancel. */
export function heartbeat(ctx: Context, runId: string, token: string): Heartbeat {
  return atomically(ctx.db, () => {
    const { run, actor } = demandHolder(ctx, runId, token);
    const nowMs = ctx.now();
    ctx.db
      .update(runs)
      .set({ leaseUntilMs: nowMs + leaseMs })
      .where(eq(runs.id, run.id))
      .run();
    ctx.db.update(workers).set({ lastSeenAtMs: nowMs }).where(eq(workers.id, actor.workerId)).run();
    return { token: issueToken(ctx, { runId, fence: run.fence, workerId: actor.workerId }), cancel: run.cancelAtMs !== null };
  });
}
