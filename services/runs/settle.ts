import { settled, type Settlement } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { wakeWatchers } from './feed.ts';
import { finishRun } from './finish.ts';
import { bearer } from './token.ts';

/** The end of a run as its holder tells it. Telling it twice, after a lost answer, changes nothing. */
export function settleRun(ctx: Context, runId: string, token: string, settlement: Settlement): void {
  atomically(ctx.db, () => {
    const { run, actor } = bearer(ctx, runId, token);
    if (settled.includes(run.state)) return;
    finishRun(ctx, actor, run, settlement);
  });
  wakeWatchers(runId);
  ctx.ring();
}
