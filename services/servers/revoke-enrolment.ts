import { and, eq, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { permit, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { enrolments, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';

/** Takes an open enrolment back; Fault `gone` when it was claimed before. Revoking twice is no error. */
export function revokeEnrolment(ctx: Context, actor: Actor, enrolmentId: string): void {
  const found = ctx.db
    .select({
      id: enrolments.id,
      organizationId: servers.organizationId,
      serverId: servers.id,
      claimedAtMs: enrolments.claimedAtMs,
      revokedAtMs: enrolments.revokedAtMs,
    })
    .from(enrolments)
    .innerJoin(servers, eq(servers.id, enrolments.serverId))
    .where(eq(enrolments.id, enrolmentId))
    .get();
  const row = permit(actor, found, 'enrolment');
  if (row.claimedAtMs !== null)
    throw new Fault('gone', {
      message: 'this enrolment was used already',
      hint: 'remove the server with kip server remove if it should not be here',
    });
  if (row.revokedAtMs !== null) return;
  atomically(ctx.db, () => {
    ctx.db
      .update(enrolments)
      .set({ revokedAtMs: ctx.now() })
      .where(and(eq(enrolments.id, row.id), isNull(enrolments.claimedAtMs)))
      .run();
    writeEvent(ctx, actor, {
      organizationId: row.organizationId,
      name: 'enrolment.revoked',
      subject: row.id,
      data: { serverId: row.serverId },
    });
  });
}
