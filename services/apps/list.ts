import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { apps, clusters, environments, projects, releases, servers } from '../db/tables.ts';
import { viewApp, viewRelease, type AppRow, type AppView, type ReleaseView } from './view.ts';

export function listApps(ctx: Context, actor: Actor, page: { limit: number; after: string | null }): { items: AppView[]; next: string | null } {
  const rows = ctx.db
    .select({ app: apps, project: projects.name, environment: environments.name, cluster: clusters.name, address: servers.address })
    .from(apps)
    .innerJoin(environments, eq(environments.id, apps.environmentId))
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .innerJoin(clusters, eq(clusters.id, apps.clusterId))
    .innerJoin(servers, eq(servers.id, clusters.serverId))
    .where(and(eq(apps.organizationId, organizationOf(actor)), isNull(apps.removedAtMs), gt(apps.id, page.after ?? '')))
    .orderBy(asc(apps.id))
    .limit(page.limit + 1)
    .all();
  const items = rows.slice(0, page.limit).map((row) => viewApp(row.app, row));
  return { items, next: rows.length > page.limit ? (items.at(-1)?.id ?? null) : null };
}

export function listReleases(ctx: Context, app: AppRow, page: { limit: number; after: string | null }): { items: ReleaseView[]; next: string | null } {
  const rows = ctx.db
    .select()
    .from(releases)
    .where(and(eq(releases.appId, app.id), gt(releases.id, page.after ?? '')))
    .orderBy(asc(releases.id))
    .limit(page.limit + 1)
    .all();
  const items = rows.slice(0, page.limit).map(viewRelease);
  return { items, next: rows.length > page.limit ? (items.at(-1)?.id ?? null) : null };
}
