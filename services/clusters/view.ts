import { z } from 'zod';
import { certificateNotice, curlLine } from '../../core/cluster/page.ts';
import { clusterStates, type clusters, type servers } from '../db/tables.ts';

export type ClusterRow = typeof clusters.$inferSelect;

export const clusterView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(clusterStates),
    serverId: z.string(),
    server: z.string(),
    domain: z.string(),
    /** How apps are reached, and what is to be known of it. */
    appUrl: z.string(),
    curl: z.string(),
    notice: z.string(),
    version: z.string().nullable(),
    createdAtMs: z.int(),
    installedAtMs: z.int().nullable(),
    removedAtMs: z.int().nullable(),
  })
  .meta({ id: 'Cluster' });
export type ClusterView = z.infer<typeof clusterView>;

export function viewCluster(row: ClusterRow, server: Pick<typeof servers.$inferSelect, 'name' | 'address'>): ClusterView {
  const host = `<app>-<environment>.${row.domain}`;
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    serverId: row.serverId,
    server: server.name,
    domain: row.domain,
    appUrl: `https://${host}/`,
    curl: curlLine(host, server.address ?? '<address>'),
    notice: certificateNotice,
    version: row.version,
    createdAtMs: row.createdAtMs,
    installedAtMs: row.installedAtMs,
    removedAtMs: row.removedAtMs,
  };
}
