import { and, eq, isNull } from 'drizzle-orm';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { sessions } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { PersonActor } from './session-actor.ts';

/** Ends the actor's own session: its access token opens nothing from this moment on. */
export function signOut(ctx: Context, actor: PersonActor): void {
  atomically(ctx.db, () => revokeSession(ctx, actor, actor.sessionId, 'signed out'));
}

/** To be called inside a transaction. */
export function revokeSession(ctx: Context, actor: Actor, sessionId: string, why: string): void {
  ctx.db
    .update(sessions)
    .set({ revokedAtMs: ctx.now(), revokedWhy: why })
    .where(and(eq(sessions.id, sessionId), isNull(sessions.revokedAtMs)))
    .run();
  writeEvent(ctx, actor, {
    organizationId: 'organizationId' in actor ? actor.organizationId : null,
    name: 'session.revoked',
    subject: sessionId,
    data: { why },
  });
}
