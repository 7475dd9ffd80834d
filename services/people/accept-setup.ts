import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { newId } from '../../core/ids.ts';
import { parsed } from '../../core/parse.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { environments, organizations, people, projects, setupLinks } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { email } from './email.ts';
import { hashPassword, password } from './passwords.ts';
import { checkSetupToken } from './setup.ts';
import { viewPerson, type PersonView } from './view.ts';

export const setupInput = z.strictObject({
  organization: z
    .string()
    .transform((text) => text.trim())
    .pipe(z.string().min(1, 'give the organization a name').max(80, 'use at most 80 characters')),
  email,
  password,
});

/**
 * Spends the setup token: the organization, its first owner, the project `default` and its environment `production`.
 * Fault `not_found` for a token that does not work, `invalid_input` (and nothing spent) for a wrong field.
 */
export async function acceptSetup(ctx: Context, address: string, token: string, input: unknown): Promise<PersonView> {
  checkSetupToken(ctx, token);
  const wish = parsed(setupInput, input);
  const passwordHash = await hashPassword(wish.password);
  return atomically(ctx.db, () => {
    const tokenHash = checkSetupToken(ctx, token);
    ctx.db.update(setupLinks).set({ usedAtMs: ctx.now() }).where(eq(setupLinks.tokenHash, tokenHash)).run();
    return foundOrganization(ctx, { kind: 'setup', address }, wish.organization, wish.email, passwordHash);
  });
}

function foundOrganization(ctx: Context, actor: Actor, name: string, address: string, passwordHash: string): PersonView {
  const createdAtMs = ctx.now();
  const organizationId = newId('organization', createdAtMs, ctx.random);
  const projectId = newId('project', createdAtMs, ctx.random);
  const environmentId = newId('environment', createdAtMs, ctx.random);
  ctx.db.insert(organizations).values({ id: organizationId, name, createdAtMs }).run();
  const person = ctx.db
    .insert(people)
    .values({ id: newId('person', createdAtMs, ctx.random), organizationId, email: address, passwordHash, role: 'owner', createdAtMs })
    .returning()
    .get();
  ctx.db.insert(projects).values({ id: projectId, organizationId, name: 'default', createdAtMs }).run();
  ctx.db.insert(environments).values({ id: environmentId, projectId, name: 'production', createdAtMs }).run();
  writeEvent(ctx, actor, { organizationId, name: 'organization.created', subject: organizationId, data: { name } });
  writeEvent(ctx, actor, { organizationId, name: 'person.created', subject: person.id, data: { email: address, role: 'owner' } });
  writeEvent(ctx, actor, { organizationId, name: 'project.created', subject: projectId, data: { name: 'default' } });
  writeEvent(ctx, actor, {
    organizationId,
    name: 'environment.created',
    subject: environmentId,
    data: { project: 'default', name: 'production' },
  });
  return viewPerson(person);
}
