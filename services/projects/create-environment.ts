import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { environmentName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { environments } from '../db/tables.ts';
import { atomically } from '../db/open.ts';
import { writeEvent } from '../events.ts';
import { findProject } from './show.ts';
import { viewEnvironment, type EnvironmentView } from './view.ts';

export const createEnvironmentInput = z.strictObject({ name: environmentName }).meta({ id: 'EnvironmentWish' });

/** An environment of a project (id or name); Fault `conflict` when the project has one of that name. */
export function createEnvironment(
  ctx: Context,
  actor: Actor,
  project: string,
  input: z.input<typeof createEnvironmentInput>,
): EnvironmentView {
  const owner = findProject(ctx, actor, project);
  const { name } = parsed(createEnvironmentInput, input);
  return atomically(ctx.db, () => {
    const taken = ctx.db
      .select({ id: environments.id })
      .from(environments)
      .where(and(eq(environments.projectId, owner.id), eq(environments.name, name)))
      .get();
    if (taken !== undefined)
      throw new Fault('conflict', {
        message: `project ${owner.name} has an environment ${name} already`,
        field: '/name',
        hint: 'use it, or choose another name',
      });
    const row = { id: newId('environment', ctx.now(), ctx.random), projectId: owner.id, name, createdAtMs: ctx.now() };
    ctx.db.insert(environments).values(row).run();
    writeEvent(ctx, actor, {
      organizationId: owner.organizationId,
      name: 'environment.created',
      subject: row.id,
      data: { project: owner.name, name },
    });
    return viewEnvironment(row);
  });
}
