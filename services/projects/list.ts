import { and, eq, gt } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { projects } from '../db/tables.ts';
import { viewProject, type ProjectView } from './view.ts';

/** The organization's projects, oldest first. */
export function listProjects(ctx: Context, actor: Actor, page: PageInput): Page<ProjectView> {
  const rows = ctx.db
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, organizationOf(actor)), gt(projects.id, page.after ?? '')))
    .orderBy(projects.id)
    .limit(page.limit + 1)
    .all();
  return cutPage(rows, page.limit, (row) => row.id, viewProject);
}
