import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { apps, clusters, environments, projects, releases, servers } from '../db/tables.ts';
import { findApp } from './find.ts';
import { viewApp, viewRelease, type AppView, type ReleaseView } from './view.ts';

/** The organization's standing apps, oldest first. */
export function listApps(ctx: Context, actor: Actor, page: PageInput): Page<AppView> {
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
  return cutPage(
    rows,
    page.limit,
    (row) => row.app.id,
    (row) => viewApp(row.app, row),
  );
}

/** The releases of an app (id or name), oldest first. */
export function listReleases(ctx: Context, actor: Actor, idOrName: string, page: PageInput): Page<ReleaseView> {
  const app = findApp(ctx, actor, idOrName);
  const rows = ctx.db
    .select()
    .from(releases)
    .where(and(eq(releases.appId, app.id), gt(releases.id, page.after ?? '')))
    .orderBy(asc(releases.id))
    .limit(page.limit + 1)
    .all();
  return cutPage(rows, page.limit, (row) => row.id, viewRelease);
}
