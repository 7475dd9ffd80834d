import { and, eq, gt, sql } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { prepared } from '../db/prepared.ts';
import { projects } from '../db/tables.ts';
import { viewProject, type ProjectView } from './view.ts';

const ofOrganization = prepared((db) =>
  db
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, sql.placeholder('organizationId')), gt(projects.id, sql.placeholder('after'))))
    .orderBy(projects.id)
    .limit(sql.placeholder('limit'))
    .prepare(),
);

/** The organization's projects, oldest first. */
export function listProjects(ctx: Context, actor: Actor, page: PageInput): Page<ProjectView> {
  const rows = ofOrganization(ctx.db).all({ organizationId: organizationOf(actor), after: page.after ?? '', limit: page.limit + 1 });
  return cutPage(rows, page.limit, (row) => row.id, viewProject);
}
