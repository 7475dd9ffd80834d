import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { parsed } from '../../core/parse.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { people, refreshTokens, sessions } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { spellEmail } from './email.ts';
import { checkPassword } from './passwords.ts';
import type { PersonActor } from './session-actor.ts';
import { issueAccessToken, newOpaqueToken } from './tokens.ts';
import { viewPerson, viewSession, type SignedInView } from './view.ts';

/** A session ends when it was not refreshed for this long. */
export const sessionMs = 30 * 86_400_000;

export const signInInput = z
  .strictObject({ email: z.string().min(1).max(254), password: z.string().min(1).max(1024), client: z.string().max(100).default('kip') })
  .meta({ id: 'SignIn' });

/**
 * E-mail and password for a session: an access token of 15 minutes and a refresh token. Says neither in words nor in
 * time whether the account exists. The caller limits how often it may be tried.
 */
export async function signIn(ctx: Context, address: string, input: z.input<typeof signInInput>): Promise<SignedInView> {
  const wish = parsed(signInInput, input);
  const person = ctx.db
    .select()
    .from(people)
    .where(eq(people.email, spellEmail(wish.email)))
    .get();
  const right = await checkPassword(wish.password, person?.passwordHash);
  if (person === undefined || !right || person.disabledAtMs !== null) {
    throw new Fault('not_signed_in', {
      message: 'the e-mail address or the password is wrong',
      hint: 'forgotten? run kipper admin reset-password EMAIL on the control plane',
      reason: 'wrong_credentials',
    });
  }
  const refresh = newOpaqueToken(ctx, 'kpr');
  const nowMs = ctx.now();
  const session = {
    id: newId('session', nowMs, ctx.random),
    personId: person.id,
    client: wish.client,
    address,
    createdAtMs: nowMs,
    lastUsedAtMs: nowMs,
    expiresAtMs: nowMs + sessionMs,
  };
  const actor: PersonActor = {
    kind: 'person',
    personId: person.id,
    organizationId: person.organizationId,
    sessionId: session.id,
    role: person.role,
    address,
  };
  const row = atomically(ctx.db, () => {
    const made = ctx.db.insert(sessions).values(session).returning().get();
    ctx.db.insert(refreshTokens).values({ tokenHash: refresh.hash, sessionId: session.id, createdAtMs: nowMs }).run();
    writeEvent(ctx, actor, {
      organizationId: person.organizationId,
      name: 'session.created',
      subject: session.id,
      data: { client: wish.client },
    });
    return made;
  });
  const access = await issueAccessToken(ctx, person.id, session.id);
  return {
    session: viewSession(row),
    person: viewPerson(person),
    accessToken: access.token,
    accessTokenExpiresAtMs: access.expiresAtMs,
    refreshToken: refresh.token,
  };
}
