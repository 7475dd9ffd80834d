import { eq, sql } from 'drizzle-orm';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { prepared } from '../db/prepared.ts';
import { people, sessions } from '../db/tables.ts';
import { notSignedIn } from './tokens.ts';

export type PersonActor = Extract<Actor, { kind: 'person' }>;

/** A column of the session's person. One lookup each costs a fifth of what SQLite takes for the join. */
const ofPerson = <T>(column: AnySQLiteColumn) => sql<T>`(select ${column} from ${people} where ${people.id} = ${sessions.personId})`;

const sessionWithPerson = prepared((db) =>
  db
    .select({
      personId: sessions.personId,
      expiresAtMs: sessions.expiresAtMs,
      revokedAtMs: sessions.revokedAtMs,
      organizationId: ofPerson<string>(people.organizationId),
      role: ofPerson<PersonActor['role']>(people.role),
      disabledAtMs: ofPerson<number | null>(people.disabledAtMs),
    })
    .from(sessions)
    .where(eq(sessions.id, sql.placeholder('id')))
    .prepare(),
);

/** Reads session and person anew each time, so that revocation, disabling and roles count at once; Fault `not_signed_in` otherwise. */
export function readSessionActor(ctx: Context, personId: string, sessionId: string, address: string): PersonActor {
  const row = sessionWithPerson(ctx.db).get({ id: sessionId });
  if (row === undefined || row.personId !== personId || row.revokedAtMs !== null || row.disabledAtMs !== null || row.expiresAtMs <= ctx.now()) throw notSignedIn();
  return { kind: 'person', personId, organizationId: row.organizationId, sessionId, role: row.role, address };
}
