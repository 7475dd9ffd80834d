import { eq } from 'drizzle-orm';
import type { Context } from '../context.ts';
import { organizations, people, sessions } from '../db/tables.ts';
import type { PersonActor } from './session-actor.ts';
import { notSignedIn } from './tokens.ts';
import { viewOrganization, viewPerson, viewSession, type MeView } from './view.ts';

/** The person, the organization and the session behind a request. */
export function whoAmI(ctx: Context, actor: PersonActor): MeView {
  const row = ctx.db
    .select()
    .from(sessions)
    .innerJoin(people, eq(people.id, sessions.personId))
    .innerJoin(organizations, eq(organizations.id, people.organizationId))
    .where(eq(sessions.id, actor.sessionId))
    .get();
  if (row === undefined) throw notSignedIn();
  return { person: viewPerson(row.people), organization: viewOrganization(row.organizations), session: viewSession(row.sessions) };
}
