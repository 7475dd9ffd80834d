import { eq, sql } from 'drizzle-orm';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { prepared } from '../db/prepared.ts';
import { people, sessions } from '../db/tables.ts';
import { notSignedIn } from './tokens.ts';

export type PersonActor = Extract<Actor, { kind: 'person' }>;

const sessionWithPerson = prepared((db) =>
  db
    .select({
      personId: sessions.personId,
      expiresAtMs: sessions.expiresAtMs,
      revokedAtMs: sessions.revokedAtMs,
      organizationId: people.organizationId,
      role: people.role,
      disabledAtMs: people.disabledAtMs,
    })
    .from(sessions)
    .innerJoin(people, eq(people.id, sessions.personId))
    .where(eq(sessions.id, sql.placeholder('id')))
    .prepare(),
);

/** Reads session and person anew each time, so that revocation, disabling and roles count at once; Fault `not_signed_in` otherwise. */
export function readSessionActor(ctx: Context, personId: string, sessionId: string, address: string): PersonActor {
  const row = sessionWithPerson(ctx.db).get({ id: sessionId });
  if (row === undefined || row.personId !== personId || row.revokedAtMs !== null || row.disabledAtMs !== null || row.expiresAtMs <= ctx.now()) throw notSignedIn();
  return { kind: 'person', personId, organizationId: row.organizationId, sessionId, role: row.role, address };
}
