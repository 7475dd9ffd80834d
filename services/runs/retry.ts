import { Fault } from '../../core/fault.ts';
import { demandOwner, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { queueRun } from '../schedule.ts';
import { findRun } from './show.ts';
import { viewRun, type RunView } from './view.ts';

/** A new run with the same input; the old one stays as it is. Plans anew, since facts may have changed. */
export function retryRun(ctx: Context, actor: Actor, id: string): RunView {
  const run = findRun(ctx, actor, id);
  if (run.state !== 'failed' && run.state !== 'cancelled') {
    throw new Fault('conflict', {
      message: `run ${run.id} is ${run.state}: only a failed or cancelled run can be tried again`,
      hint: `watch it with kip run watch ${run.id}`,
    });
  }
  if (run.kind === 'uninstall') demandOwner(actor, 'remove a cluster');
  const row = atomically(ctx.db, () =>
    queueRun(ctx, actor, {
      organizationId: run.organizationId,
      kind: run.kind,
      serverId: run.serverId,
      ...(run.clusterId === null ? {} : { clusterId: run.clusterId }),
      ...(run.appId === null ? {} : { appId: run.appId }),
      ...(run.releaseId === null ? {} : { releaseId: run.releaseId }),
      input: JSON.parse(run.input) as unknown,
      timeoutMs: run.timeoutMs,
      retryOf: run.id,
    }),
  );
  ctx.ring();
  return viewRun(row);
}
