import { and, eq, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { people, sessions } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { spellEmail } from './email.ts';
import { hashPassword, password } from './passwords.ts';

/** A new password for a person, from the control plane's own machine only; ends every session of theirs. Answers how many. */
export async function resetPassword(ctx: Context, emailAddress: string, newPassword: string): Promise<number> {
  const actor: Actor = { kind: 'system', job: 'reset-password' };
  const person = ctx.db
    .select()
    .from(people)
    .where(eq(people.email, spellEmail(emailAddress)))
    .get();
  if (person === undefined)
    throw new Fault('not_found', {
      message: `no person has the e-mail address ${spellEmail(emailAddress).slice(0, 254)}`,
      hint: 'check the spelling',
    });
  const passwordHash = await hashPassword(parsed(password, newPassword));
  return atomically(ctx.db, () => {
    ctx.db.update(people).set({ passwordHash }).where(eq(people.id, person.id)).run();
    const ended = ctx.db
      .update(sessions)
      .set({ revokedAtMs: ctx.now(), revokedWhy: 'the password was reset' })
      .where(and(eq(sessions.personId, person.id), isNull(sessions.revokedAtMs)))
      .run();
    writeEvent(ctx, actor, {
      organizationId: person.organizationId,
      name: 'person.password_reset',
      subject: person.id,
      data: { sessionsEnded: ended.changes },
    });
    return ended.changes;
  });
}
