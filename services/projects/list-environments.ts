import { and, eq, gt } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { environments } from '../db/tables.ts';
import { findProject } from './show.ts';
import { viewEnvironment, type EnvironmentView } from './view.ts';

/** The environments of a project (id or name), oldest first. */
export function listEnvironments(ctx: Context, actor: Actor, project: string, page: PageInput): Page<EnvironmentView> {
  const owner = findProject(ctx, actor, project);
  const rows = ctx.db
    .select()
    .from(environments)
    .where(and(eq(environments.projectId, owner.id), gt(environments.id, page.after ?? '')))
    .orderBy(environments.id)
    .limit(page.limit + 1)
    .all();
  return cutPage(rows, page.limit, (row) => row.id, viewEnvironment);
}
