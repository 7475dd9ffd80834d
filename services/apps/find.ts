import { and, desc, eq, isNull, or } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { organizationOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { apps, clusters, environments, projects, releases, servers } from '../db/tables.ts';
import { viewApp, type AppRow, type AppView, type ReleaseRow } from './view.ts';

/** An app by id, or by name where only one of the organization has it. */
export function findApp(ctx: Context, actor: Actor, idOrName: string): Permitted<AppRow> {
  const rows = ctx.db
    .select()
    .from(apps)
    .where(
      and(
        eq(apps.organizationId, organizationOf(actor)),
        or(eq(apps.id, idOrName), and(eq(apps.name, idOrName), isNull(apps.removedAtMs))),
      ),
    )
    .limit(2)
    .all();
  if (rows.length > 1) {
    throw new Fault('conflict', { message: `several apps are called ${idOrName}`, hint: 'name one by its id, from kip app ls' });
  }
  return permit(actor, rows[0], 'app');
}

export function lastRelease(ctx: Context, app: AppRow): ReleaseRow | undefined {
  return ctx.db.select().from(releases).where(eq(releases.appId, app.id)).orderBy(desc(releases.number)).limit(1).get();
}

/** The names around an app, for its view and its objects. */
export function surroundings(ctx: Context, app: AppRow) {
  const row = ctx.db
    .select({
      project: projects.name,
      environment: environments.name,
      cluster: clusters,
      address: servers.address,
      facts: servers.facts,
      serverId: servers.id,
    })
    .from(environments)
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .innerJoin(clusters, eq(clusters.id, app.clusterId))
    .innerJoin(servers, eq(servers.id, clusters.serverId))
    .where(eq(environments.id, app.environmentId))
    .get();
  if (row === undefined) throw new Fault('internal', 'an app stands without its environment');
  return row;
}

/** What a client sees of an app, with the names around it. */
export function showApp(ctx: Context, app: AppRow): AppView {
  const around = surroundings(ctx, app);
  return viewApp(app, { project: around.project, environment: around.environment, cluster: around.cluster.name, address: around.address });
}
