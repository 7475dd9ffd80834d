import { and, eq, inArray, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { settled } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { wakeWatchers } from './feed.ts';
import { finishRun } from './finish.ts';
import { findRun } from './show.ts';
import { viewRun, type RunView } from './view.ts';

/**
 * A queued run is over at once. A running one is told at its next heartbeat: what is armed on the host is reverted
 * first, then the run settles as cancelled.
 */
export function cancelRun(ctx: Context, actor: Actor, id: string): RunView {
  const run = findRun(ctx, actor, id);
  if (settled.includes(run.state))
    throw new Fault('conflict', { message: `run ${run.id} is over: it ${run.state}`, hint: `read it with kip run show ${run.id}` });
  const row = atomically(ctx.db, () => {
    if (run.state === 'queued') return finishRun(ctx, actor, run, { outcome: 'cancelled', result: { changed: 0 } });
    writeEvent(ctx, actor, { organizationId: run.organizationId, name: 'run.cancel_requested', subject: run.id, runId: run.id });
    ctx.db
      .update(runs)
      .set({ cancelAtMs: ctx.now() })
      .where(and(eq(runs.id, run.id), inArray(runs.state, ['queued', 'running']), isNull(runs.cancelAtMs)))
      .run();
    return findRun(ctx, actor, id);
  });
  wakeWatchers(run.id);
  ctx.ring();
  return viewRun(row);
}
