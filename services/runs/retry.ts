import { and, eq, gt } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { demandOwner, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { releases } from '../db/tables.ts';
import { queueRun, type RunRow } from '../schedule.ts';
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
  const row = atomically(ctx.db, () => {
    demandNewest(ctx, run);
    return queueRun(ctx, actor, {
      organizationId: run.organizationId,
      kind: run.kind,
      serverId: run.serverId,
      ...(run.clusterId === null ? {} : { clusterId: run.clusterId }),
      ...(run.appId === null ? {} : { appId: run.appId }),
      ...(run.releaseId === null ? {} : { releaseId: run.releaseId }),
      input: JSON.parse(run.input) as unknown,
      timeoutMs: run.timeoutMs,
      retryOf: run.id,
    });
  });
  ctx.ring();
  return viewRun(row);
}

/** An old release would silently replace what was deployed after it. */
function demandNewest(ctx: Context, run: RunRow): void {
  if (run.kind !== 'deploy' || run.appId === null || run.releaseId === null) return;
  const own = ctx.db.select({ number: releases.number }).from(releases).where(eq(releases.id, run.releaseId)).get();
  if (own === undefined) return;
  const newer = ctx.db
    .select({ number: releases.number })
    .from(releases)
    .where(and(eq(releases.appId, run.appId), gt(releases.number, own.number)))
    .get();
  if (newer === undefined) return;
  throw new Fault('conflict', {
    message: `run ${run.id} deployed release ${own.number}, and there is a newer one by now`,
    hint: 'make a new release with what you want: kip app update, or kip app deploy',
    reason: 'newer_release',
  });
}
