import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { people, refreshTokens, sessions } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { readSessionActor } from './session-actor.ts';
import { sessionMs } from './sign-in.ts';
import { revokeSession } from './sign-out.ts';
import { hashToken, issueAccessToken, newOpaqueToken, sameHash } from './tokens.ts';
import { viewPerson, viewSession, type SignedInView } from './view.ts';

export const refreshInput = z.strictObject({ refreshToken: z.string().min(1).max(200) }).meta({ id: 'Refresh' });

/**
 * A refresh token for new tokens; it is spent by that. Spending one twice means that somebody else has it: the session
 * ends for both, which is written even though the answer is a Fault.
 */
export async function refreshSession(ctx: Context, address: string, input: z.input<typeof refreshInput>): Promise<SignedInView> {
  const hash = hashToken(parsed(refreshInput, input).refreshToken);
  const next = newOpaqueToken(ctx, 'kpr');
  const outcome = atomically(ctx.db, () => exchange(ctx, address, hash, next.hash));
  if (outcome === 'unknown') throw ended('this refresh token is not valid');
  if (outcome === 'reused') throw ended('this refresh token was used before: the session was ended for safety', 'refresh_token_reused');
  const access = await issueAccessToken(ctx, outcome.person.id, outcome.session.id);
  return { ...outcome, accessToken: access.token, accessTokenExpiresAtMs: access.expiresAtMs, refreshToken: next.token };
}

function exchange(
  ctx: Context,
  address: string,
  hash: string,
  nextHash: string,
): 'unknown' | 'reused' | Pick<SignedInView, 'session' | 'person'> {
  const token = ctx.db.select().from(refreshTokens).where(eq(refreshTokens.tokenHash, hash)).get();
  if (token === undefined || !sameHash(token.tokenHash, hash)) return 'unknown';
  const session = ctx.db.select().from(sessions).where(eq(sessions.id, token.sessionId)).get();
  const person = session === undefined ? undefined : ctx.db.select().from(people).where(eq(people.id, session.personId)).get();
  if (session === undefined || person === undefined) return 'unknown';
  if (session.revokedAtMs !== null || session.expiresAtMs <= ctx.now() || person.disabledAtMs !== null) return 'unknown';
  const actor = readSessionActor(ctx, person.id, session.id, address);
  if (token.usedAtMs !== null) {
    revokeSession(ctx, actor, session.id, 'a refresh token was used twice');
    return 'reused';
  }
  const nowMs = ctx.now();
  ctx.db.update(refreshTokens).set({ usedAtMs: nowMs }).where(eq(refreshTokens.tokenHash, hash)).run();
  ctx.db.insert(refreshTokens).values({ tokenHash: nextHash, sessionId: session.id, createdAtMs: nowMs }).run();
  const renewed = ctx.db
    .update(sessions)
    .set({ lastUsedAtMs: nowMs, expiresAtMs: nowMs + sessionMs, address })
    .where(eq(sessions.id, session.id))
    .returning()
    .get();
  writeEvent(ctx, actor, { organizationId: person.organizationId, name: 'session.refreshed', subject: session.id });
  return { session: viewSession(renewed), person: viewPerson(person) };
}

function ended(message: string, reason = 'session_ended'): Fault {
  return new Fault('not_signed_in', { message, hint: 'run kip login', reason });
}
