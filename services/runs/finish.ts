import { and, eq, inArray } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import type { Settlement } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { runs, steps } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';
import { writeFeed } from './feed.ts';

/**
 * Settles a run that is open; to be called inside a transaction. Compare-and-set on state and fence, so it happens
 * once. Throws `superseded` when somebody else was first.
 */
export function finishRun(ctx: Context, actor: Actor, run: RunRow, settlement: Settlement): RunRow {
  const nowMs = ctx.now();
  const row = ctx.db
    .update(runs)
    .set({
      state: settlement.outcome,
      fault: settlement.fault === undefined ? null : canonical(settlement.fault),
      result: canonical(settlement.result),
      settledAtMs: nowMs,
      leaseUntilMs: null,
    })
    .where(and(eq(runs.id, run.id), eq(runs.fence, run.fence), inArray(runs.state, ['queued', 'running'])))
    .returning()
    .get();
  if (row === undefined) throw new Fault('superseded', 'the run is over or belongs to another worker');
  closeSteps(ctx, run.id);
  ctx.settlements?.[run.kind](ctx, row, settlement);
  writeEvent(ctx, actor, {
    organizationId: row.organizationId,
    name: `run.${settlement.outcome}`,
    subject: row.id,
    runId: row.id,
    data: { kind: row.kind, ...(settlement.fault === undefined ? {} : { fault: settlement.fault.code }) },
  });
  writeFeed(ctx, row.id, [
    { type: 'state', state: row.state, result: settlement.result, ...(settlement.fault === undefined ? {} : { fault: settlement.fault }) },
  ]);
  return row;
}

/** No step of a run that is over may look as if it went on. */
function closeSteps(ctx: Context, runId: string): void {
  ctx.db
    .update(steps)
    .set({ state: 'skipped' })
    .where(and(eq(steps.runId, runId), eq(steps.state, 'planned')))
    .run();
  ctx.db
    .update(steps)
    .set({ state: 'failed' })
    .where(and(eq(steps.runId, runId), eq(steps.state, 'started')))
    .run();
}
