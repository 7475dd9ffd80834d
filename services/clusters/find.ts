import { and, desc, eq, isNull, or } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { organizationOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { clusters, servers } from '../db/tables.ts';
import type { ClusterRow } from './view.ts';

export type ServerRow = typeof servers.$inferSelect;

/** A standing cluster by id, or by its name in the organization; Fault `not_found` otherwise. */
export function findCluster(ctx: Context, actor: Actor, idOrName: string): Permitted<ClusterRow> {
  const row = ctx.db
    .select()
    .from(clusters)
    .where(
      and(
        eq(clusters.organizationId, organizationOf(actor)),
        isNull(clusters.removedAtMs),
        or(eq(clusters.id, idOrName), eq(clusters.name, idOrName)),
      ),
    )
    .orderBy(desc(eq(clusters.id, idOrName)))
    .get();
  return permit(actor, row, 'cluster');
}

export function serverOf(ctx: Context, cluster: ClusterRow): ServerRow {
  const row = ctx.db.select().from(servers).where(eq(servers.id, cluster.serverId)).get();
  if (row === undefined) throw new Fault('internal', 'a cluster without a server');
  return row;
}

/** An enrolled server by id or name, that a cluster may be made on. */
export function findServer(ctx: Context, actor: Actor, idOrName: string): Permitted<ServerRow> {
  const found = ctx.db
    .select()
    .from(servers)
    .where(
      and(
        eq(servers.organizationId, organizationOf(actor)),
        isNull(servers.removedAtMs),
        or(eq(servers.id, idOrName), eq(servers.name, idOrName)),
      ),
    )
    .orderBy(desc(eq(servers.id, idOrName)))
    .get();
  const row = permit(actor, found, 'server');
  if (row.state !== 'enrolled' || row.address === null) {
    throw new Fault('conflict', {
      message: `server ${row.name} is invited but not enrolled yet`,
      field: '/serverId',
      hint: `paste the line of: kip server invite ${row.name}`,
    });
  }
  return row;
}
