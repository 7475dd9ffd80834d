import { and, eq, isNull, ne } from 'drizzle-orm';
import type { Settlement } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { apps, clusters, namespaces, runs, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';

const actor = { kind: 'system', job: 'settlement' } as const;

/** Inside the settling transaction. A plan alone leaves nothing behind: the cluster that was only looked at is forgotten. */
export function settleInstall(ctx: Context, run: RunRow, settlement: Settlement): void {
  if (run.clusterId === null) return;
  const nowMs = ctx.now();
  if (settlement.outcome !== 'succeeded') {
    writeEvent(ctx, actor, {
      organizationId: run.organizationId,
      name: 'cluster.failed',
      subject: run.clusterId,
      runId: run.id,
      data: { reason: settlement.fault?.reason ?? settlement.outcome },
    });
    if (isPlanOnly(run)) forget(ctx, run, nowMs);
    return;
  }
  if (settlement.result.planOnly === true) {
    forget(ctx, run, nowMs);
    return;
  }
  const version = settlement.result.clusterVersion ?? null;
  ctx.db.update(clusters).set({ state: 'installed', version, installedAtMs: nowMs }).where(eq(clusters.id, run.clusterId)).run();
  if ((JSON.parse(run.input) as { noHarden?: boolean }).noHarden !== true)
    ctx.db.update(servers).set({ hardenedAtMs: nowMs }).where(eq(servers.id, run.serverId)).run();
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: 'cluster.installed',
    subject: run.clusterId,
    runId: run.id,
    data: { version, changed: settlement.result.changed },
  });
}

function isPlanOnly(run: RunRow): boolean {
  return (JSON.parse(run.input) as { planOnly?: boolean }).planOnly === true;
}

/** Only one that no other run has touched: its marker may lie on the host otherwise. */
function forget(ctx: Context, run: RunRow, nowMs: number): void {
  if (run.clusterId === null) return;
  const other = ctx.db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.clusterId, run.clusterId), ne(runs.id, run.id)))
    .get();
  if (other !== undefined) return;
  ctx.db
    .update(clusters)
    .set({ state: 'removed', removedAtMs: nowMs })
    .where(and(eq(clusters.id, run.clusterId), eq(clusters.state, 'requested')))
    .run();
}

/** The apps go with their cluster; the record of them is kept. */
export function settleUninstall(ctx: Context, run: RunRow, settlement: Settlement): void {
  if (run.clusterId === null || settlement.outcome !== 'succeeded') return;
  const nowMs = ctx.now();
  ctx.db.update(clusters).set({ state: 'removed', removedAtMs: nowMs }).where(eq(clusters.id, run.clusterId)).run();
  ctx.db
    .update(apps)
    .set({ state: 'removed', removedAtMs: nowMs })
    .where(and(eq(apps.clusterId, run.clusterId), isNull(apps.removedAtMs)))
    .run();
  ctx.db.delete(namespaces).where(eq(namespaces.clusterId, run.clusterId)).run();
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: 'cluster.removed',
    subject: run.clusterId,
    runId: run.id,
    data: { changed: settlement.result.changed },
  });
}
