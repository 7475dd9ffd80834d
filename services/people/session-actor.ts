import { eq, sql } from 'drizzle-orm';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { people, sessions } from '../db/tables.ts';
import { notSignedIn } from './tokens.ts';

export type PersonActor = Extract<Actor, { kind: 'person' }>;

/** Reads session and person anew each time it is asked, so that revocation, disabling and roles count at once. */
export function makeSessionReader(ctx: Context): (personId: string, sessionId: string, address: string) => PersonActor {
  const query = ctx.db
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
    .prepare();
  return (personId, sessionId, address) => {
    const row = query.get({ id: sessionId });
    if (row === undefined || row.personId !== personId || row.revokedAtMs !== null || row.disabledAtMs !== null || row.expiresAtMs <= ctx.now()) throw notSignedIn();
    return { kind: 'person', personId, organizationId: row.organizationId, sessionId, role: row.role, address };
  };
}
