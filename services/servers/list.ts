import { and, eq, gt, inArray, isNull } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { hostKeys, servers } from '../db/tables.ts';
import type { ServerRow } from './find.ts';
import { viewServer, type ServerView } from './view.ts';

/** The organization's standing servers, oldest first. */
export function listServers(ctx: Context, actor: Actor, page: PageInput): Page<ServerView> {
  const rows = ctx.db
    .select()
    .from(servers)
    .where(and(eq(servers.organizationId, organizationOf(actor)), isNull(servers.removedAtMs), gt(servers.id, page.after ?? '')))
    .orderBy(servers.id)
    .limit(page.limit + 1)
    .all();
  const pinned = Map.groupBy(
    pinnedOf(
      ctx,
      rows.map((row) => row.id),
    ),
    (key) => key.serverId,
  );
  const viewOf = (row: ServerRow) =>
    viewServer(
      row,
      (pinned.get(row.id) ?? []).map(({ algorithm, fingerprint, pinnedAtMs }) => ({ algorithm, fingerprint, pinnedAtMs })),
    );
  return cutPage(rows, page.limit, (row) => row.id, viewOf);
}

function pinnedOf(ctx: Context, ids: string[]) {
  return ctx.db
    .select({
      serverId: hostKeys.serverId,
      algorithm: hostKeys.algorithm,
      fingerprint: hostKeys.fingerprint,
      pinnedAtMs: hostKeys.pinnedAtMs,
    })
    .from(hostKeys)
    .where(and(inArray(hostKeys.serverId, ids), isNull(hostKeys.replacedAtMs)))
    .orderBy(hostKeys.algorithm)
    .all();
}
