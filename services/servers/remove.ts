import { and, eq, inArray, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { demandOwner, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { apps, clusters, hostKeys, namespaces, runs, serverKeys, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { revokeOpen } from './enrolment.ts';
import { findServer, type ServerRow } from './find.ts';

export interface Removed {
  id: string;
  name: string;
  /** What is still on the machine, and the command that takes it away there. */
  staysBehind: string[];
  command: string | null;
}

/**
 * Forgets a server: its keys are retired, its name and machine are free again, history is kept. A standing cluster refuses
 * unless `force`; what stays on the machine is said either way.
 */
export function removeServer(ctx: Context, actor: Actor, server: string, force: boolean): Removed {
  const row = findServer(ctx, actor, server);
  demandOwner(actor, 'remove a server');
  return atomically(ctx.db, () => {
    const cluster = standingCluster(ctx, row);
    refuseWhileUsed(ctx, row, cluster?.name, force);
    const nowMs = ctx.now();
    revokeOpen(ctx, row.id);
    ctx.db
      .update(serverKeys)
      .set({ retiredAtMs: nowMs })
      .where(and(eq(serverKeys.serverId, row.id), isNull(serverKeys.retiredAtMs)))
      .run();
    ctx.db
      .update(hostKeys)
      .set({ replacedAtMs: nowMs })
      .where(and(eq(hostKeys.serverId, row.id), isNull(hostKeys.replacedAtMs)))
      .run();
    if (cluster !== undefined) forgetCluster(ctx, cluster.id, nowMs);
    ctx.db.update(servers).set({ state: 'removed', removedAtMs: nowMs }).where(eq(servers.id, row.id)).run();
    const removed = { id: row.id, name: row.name, ...leftovers(row, cluster?.name) };
    writeEvent(ctx, actor, {
      organizationId: row.organizationId,
      name: 'server.removed',
      subject: row.id,
      data: { name: row.name, force, staysBehind: removed.staysBehind },
    });
    return removed;
  });
}

function standingCluster(ctx: Context, row: ServerRow): { id: string; name: string } | undefined {
  return ctx.db
    .select({ id: clusters.id, name: clusters.name })
    .from(clusters)
    .where(and(eq(clusters.serverId, row.id), isNull(clusters.removedAtMs)))
    .get();
}

/** Its apps go with it: no run could ever take them away, and their names would stay taken. */
function forgetCluster(ctx: Context, clusterId: string, nowMs: number): void {
  const gone = { state: 'removed', removedAtMs: nowMs } as const;
  ctx.db.update(clusters).set(gone).where(eq(clusters.id, clusterId)).run();
  ctx.db
    .update(apps)
    .set(gone)
    .where(and(eq(apps.clusterId, clusterId), isNull(apps.removedAtMs)))
    .run();
  ctx.db.delete(namespaces).where(eq(namespaces.clusterId, clusterId)).run();
}

function refuseWhileUsed(ctx: Context, row: ServerRow, cluster: string | undefined, force: boolean): void {
  const open = ctx.db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.serverId, row.id), inArray(runs.state, ['queued', 'running'])))
    .get();
  if (open !== undefined)
    throw new Fault('in_flight', {
      message: `run ${open.id} of this server is not over`,
      hint: `wait for it, or: kip run cancel ${open.id}`,
    });
  if (cluster !== undefined && !force) {
    throw new Fault('conflict', {
      message: `cluster ${cluster} stands on server ${row.name}`,
      hint: `kip cluster remove ${cluster} first; if the machine is lost: kip server remove ${row.name} --force`,
    });
  }
  if (row.hardenedAtMs !== null && row.unreachableCause === null && !force) {
    throw new Fault('conflict', {
      message: `server ${row.name} is hardened; removing it now leaves our changes on it`,
      hint: `kip server undo ${row.name} first, or keep them: kip server remove ${row.name} --force`,
    });
  }
}

function leftovers(row: ServerRow, cluster: string | undefined): { staysBehind: string[]; command: string | null } {
  if (row.state === 'invited') return { staysBehind: [], command: null };
  const staysBehind = [
    'the user kipper with our key in /home/kipper/.ssh/authorized_keys',
    '/etc/sudoers.d/kipper',
    '/etc/ssh/sshd_config.d/00-kipper.conf',
    '/var/lib/kipper',
  ];
  if (row.hardenedAtMs !== null) staysBehind.push('the changes of hardening: firewall, sshd, kernel settings, masked services');
  if (cluster !== undefined) staysBehind.push(`k3s with everything in cluster ${cluster}`);
  return { staysBehind, command: `sudo sh enrol.sh --uninstall${cluster === undefined ? '' : ' --with-cluster'}` };
}
