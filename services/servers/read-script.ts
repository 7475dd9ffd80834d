import { eq } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { enrolments, servers } from '../db/tables.ts';
import { currentKey } from './enrolment.ts';
import { scriptOf } from './script.ts';

/** The enrolment script, for anybody who has its public id: it holds no secret. Fault `gone` once the enrolment is over. */
export function readScript(ctx: Context, enrolmentId: string): { text: string; sha256: string } {
  const found = ctx.db
    .select({ enrolment: enrolments, serverId: servers.id, name: servers.name })
    .from(enrolments)
    .innerJoin(servers, eq(servers.id, enrolments.serverId))
    .where(eq(enrolments.id, enrolmentId))
    .get();
  if (found === undefined) throw new Fault('not_found', { message: 'no such enrolment', hint: 'paste the line as it was shown, whole' });
  const { claimedAtMs, revokedAtMs, expiresAtMs, publicUrl } = found.enrolment;
  const key = currentKey(ctx, found.serverId);
  if (claimedAtMs !== null || revokedAtMs !== null || expiresAtMs <= ctx.now() || key === undefined) {
    throw new Fault('gone', {
      message: 'this enrolment is over: it was used, revoked or has expired',
      hint: 'make another with kip server invite',
      reason: 'enrolment_over',
    });
  }
  return scriptOf(ctx.config, { url: publicUrl, enrolmentId, serverName: found.name, publicKey: key.publicKey });
}
