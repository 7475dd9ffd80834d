import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { projectName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { prepared } from '../db/prepared.ts';
import { projects } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { viewProject, type ProjectView } from './view.ts';

export const createProjectInput = z.strictObject({ name: projectName }).meta({ id: 'ProjectWish' });

const taken = prepared((db) =>
  db
    .select({ id: projects.id })
    .from(projects)
    .where(and(eq(projects.organizationId, sql.placeholder('organizationId')), eq(projects.name, sql.placeholder('name'))))
    .prepare(),
);

const insertion = prepared((db) =>
  db
    .insert(projects)
    .values({
      id: sql.placeholder('id'),
      organizationId: sql.placeholder('organizationId'),
      name: sql.placeholder('name'),
      createdAtMs: sql.placeholder('createdAtMs'),
    })
    .prepare(),
);

/** A project of the actor's organization; Fault `conflict` when the name is taken. */
export function createProject(ctx: Context, actor: Actor, input: z.input<typeof createProjectInput>): ProjectView {
  const organizationId = organizationOf(actor);
  const { name } = parsed(createProjectInput, input);
  return atomically(ctx.db, () => {
    if (taken(ctx.db).get({ organizationId, name }) !== undefined) {
      throw new Fault('conflict', { message: `a project ${name} exists already`, field: '/name', hint: 'use it, or choose another name' });
    }
    const row = { id: newId('project', ctx.now(), ctx.random), organizationId, name, createdAtMs: ctx.now() };
    insertion(ctx.db).run(row);
    writeEvent(ctx, actor, { organizationId, name: 'project.created', subject: row.id, data: { name } });
    return viewProject(row);
  });
}
