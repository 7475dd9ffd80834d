import { createHash } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import { planText, type Plan } from '../../core/plan.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { wakeWatchers, writeFeed } from './feed.ts';
import { demandHolder } from './token.ts';

/** Freezes the plan of a run. The same plan again changes nothing; another one is refused. */
export function freezePlan(ctx: Context, runId: string, token: string, plan: Plan, hash: string): void {
  const actual = createHash('sha256').update(planText(plan)).digest('hex');
  if (actual !== hash) throw new Fault('invalid_input', { message: 'the plan does not have the hash that was given', field: 'hash' });
  atomically(ctx.db, () => {
    const { run, actor } = demandHolder(ctx, runId, token);
    if (run.planHash === hash) return;
    if (run.planHash !== null) throw new Fault('conflict', 'this run has another plan already');
    ctx.db
      .update(runs)
      .set({ plan: canonical(plan), planHash: hash })
      .where(eq(runs.id, run.id))
      .run();
    const insert = ctx.db.$client.prepare(
      "insert into steps (run_id, position, step_id, kind, title, control, state) values (?, ?, ?, ?, ?, ?, 'planned')",
    );
    plan.steps.forEach((step, position) => insert.run(run.id, position, step.id, step.kind, step.title, step.control ?? null));
    writeEvent(ctx, actor, {
      organizationId: run.organizationId,
      name: 'run.planned',
      subject: run.id,
      runId: run.id,
      data: { hash, steps: plan.steps.length },
    });
    writeFeed(ctx, run.id, [
      { type: 'planned', hash, steps: plan.steps.map((step, index) => ({ index, id: step.id, title: step.title })) },
    ]);
  });
  wakeWatchers(runId);
}
