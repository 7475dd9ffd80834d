import { and, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import { demandOwner, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { apps } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { findCluster } from './find.ts';

const uninstallTimeoutMs = 30 * 60_000;

export const removeInput = z
  .strictObject({ name: z.string().max(64).meta({ description: 'the name of the cluster, typed by a person' }) })
  .meta({ id: 'ClusterRemoval' });

/** Queues the run that takes a cluster off its server: every app and volume on it is lost, and the host is left as before. */
export function removeCluster(ctx: Context, actor: Actor, cluster: string, input: z.input<typeof removeInput>): RunRow {
  const row = findCluster(ctx, actor, cluster);
  demandOwner(actor, 'remove a cluster');
  const { name } = parsed(removeInput, input);
  const lost = ctx.db
    .select({ name: apps.name })
    .from(apps)
    .where(and(eq(apps.clusterId, row.id), isNull(apps.removedAtMs)))
    .all();
  if (name !== row.name) {
    const what = lost.length === 0 ? 'it has no apps' : `lost with it: ${lost.map((app) => app.name).join(', ')} and their data`;
    throw new Fault('invalid_input', {
      message: `type the cluster's name, ${row.name}, to remove it; ${what}`.slice(0, 500),
      field: '/name',
      hint: `kip cluster remove ${row.name} asks for it`,
    });
  }
  const run = atomically(ctx.db, () => {
    writeEvent(ctx, actor, {
      organizationId: row.organizationId,
      name: 'cluster.removal_requested',
      subject: row.id,
      data: { name: row.name, apps: lost.length },
    });
    return queueRun(ctx, actor, {
      organizationId: row.organizationId,
      kind: 'uninstall',
      serverId: row.serverId,
      clusterId: row.id,
      input: { clusterId: row.id },
      timeoutMs: uninstallTimeoutMs,
    });
  });
  ctx.ring();
  return run;
}
