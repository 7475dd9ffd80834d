import { and, eq, or } from 'drizzle-orm';
import { organizationOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { projects } from '../db/tables.ts';
import { viewProject, type ProjectView } from './view.ts';

/** The row of a project by id or name; Fault `not_found` when the actor's organization has none. */
export function findProject(ctx: Context, actor: Actor, project: string): Permitted<typeof projects.$inferSelect> {
  const row = ctx.db
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, organizationOf(actor)), or(eq(projects.id, project), eq(projects.name, project))))
    .get();
  return permit(actor, row, 'project');
}

export function showProject(ctx: Context, actor: Actor, project: string): ProjectView {
  return viewProject(findProject(ctx, actor, project));
}
