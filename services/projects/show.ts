import { and, eq, or, sql } from 'drizzle-orm';
import { organizationOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { prepared } from '../db/prepared.ts';
import { projects } from '../db/tables.ts';
import { viewProject, type ProjectView } from './view.ts';

const byIdOrName = prepared((db) =>
  db
    .select()
    .from(projects)
    .where(
      and(
        eq(projects.organizationId, sql.placeholder('organizationId')),
        or(eq(projects.id, sql.placeholder('project')), eq(projects.name, sql.placeholder('project'))),
      ),
    )
    .prepare(),
);

/** The row of a project by id or name; Fault `not_found` when the actor's organization has none. */
export function findProject(ctx: Context, actor: Actor, project: string): Permitted<typeof projects.$inferSelect> {
  return permit(actor, byIdOrName(ctx.db).get({ organizationId: organizationOf(actor), project }), 'project');
}

export function showProject(ctx: Context, actor: Actor, project: string): ProjectView {
  return viewProject(findProject(ctx, actor, project));
}
