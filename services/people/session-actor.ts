import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { prepared } from '../db/prepared.ts';
import { notSignedIn } from './tokens.ts';

export type PersonActor = Extract<Actor, { kind: 'person' }>;

type Row = [
  personId: string,
  expiresAtMs: number,
  revokedAtMs: number | null,
  organizationId: string,
  role: PersonActor['role'],
  disabledAtMs: number | null,
];

/** On the path of every request: single lookups cost SQLite a fifth of the join, and bare rows need no mapping. */
const sessionWithPerson = prepared((db) =>
  db.$client
    .prepare<[string], Row>(
      `select person_id, expires_at_ms, revoked_at_ms,
        (select organization_id from people where people.id = sessions.person_id),
        (select role from people where people.id = sessions.person_id),
        (select disabled_at_ms from people where people.id = sessions.person_id)
      from sessions where sessions.id = ?`,
    )
    .raw(),
);

/** Reads session and person anew each time, so that revocation, disabling and roles count at once; Fault `not_signed_in` otherwise. */
export function readSessionActor(ctx: Context, personId: string, sessionId: string, address: string): PersonActor {
  const row = sessionWithPerson(ctx.db).get(sessionId);
  if (row === undefined) throw notSignedIn();
  const [owner, expiresAtMs, revokedAtMs, organizationId, role, disabledAtMs] = row;
  if (owner !== personId || revokedAtMs !== null || disabledAtMs !== null || expiresAtMs <= ctx.now()) throw notSignedIn();
  return { kind: 'person', personId, organizationId, sessionId, role, address };
}
