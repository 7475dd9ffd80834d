import { and, eq, gt, isNull } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { clusters, servers } from '../db/tables.ts';
import { viewCluster, type ClusterView } from './view.ts';

/** The organization's standing clusters, oldest first. */
export function listClusters(ctx: Context, actor: Actor, page: PageInput): Page<ClusterView> {
  const rows = ctx.db
    .select({ cluster: clusters, server: servers })
    .from(clusters)
    .innerJoin(servers, eq(servers.id, clusters.serverId))
    .where(and(eq(clusters.organizationId, organizationOf(actor)), isNull(clusters.removedAtMs), gt(clusters.id, page.after ?? '')))
    .orderBy(clusters.id)
    .limit(page.limit + 1)
    .all();
  return cutPage(
    rows,
    page.limit,
    (row) => row.cluster.id,
    (row) => viewCluster(row.cluster, row.server),
  );
}
