import { asc, eq } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import type { Plan, Step } from '../../core/plan.ts';
import { permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { runs, steps } from '../db/tables.ts';
import type { RunRow } from '../schedule.ts';
import { viewRun, viewStep, type RunView, type StepView } from './view.ts';

export function findRun(ctx: Context, actor: Actor, id: string): Permitted<RunRow> {
  return permit(actor, ctx.db.select().from(runs).where(eq(runs.id, id)).get(), 'run');
}

export function showRun(ctx: Context, actor: Actor, id: string): RunView {
  return viewRun(findRun(ctx, actor, id));
}

/** Every step with its outcome and output, in the plan's order. */
export function runSteps(ctx: Context, actor: Actor, id: string): StepView[] {
  const run = findRun(ctx, actor, id);
  const plan = run.plan === null ? null : (JSON.parse(run.plan) as Plan);
  const rows = ctx.db.select().from(steps).where(eq(steps.runId, run.id)).orderBy(asc(steps.position)).all();
  return rows.map((row) => viewStep(row, commandOf(plan?.steps[row.position])));
}

/** What the step does, as one line: the library function or request with its data. */
function commandOf(step: Step | undefined): string | null {
  switch (step?.kind) {
    case undefined:
      return null;
    case 'shell':
      return `${step.action} ${canonical(step.data)}`;
    case 'file':
      return `file ${step.path} ${step.owner}:${step.group} ${step.mode}`;
    case 'manifest':
      return `${step.verb} ${step.object.kind} ${step.object.metadata.namespace ?? ''}/${step.object.metadata.name}`;
    case 'probe':
      return `probe ${canonical(step.probe)}`;
    case 'undo':
      return `undo ${step.entry}`;
    default:
      return step satisfies never;
  }
}
