import { timingSafeEqual } from 'node:crypto';
import { and, eq, gt, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import { enrolmentClaim, type EnrolmentClaim } from '../../core/server/enrolment.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { enrolments, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { enrolServer } from './enrol.ts';
import { hashToken, type EnrolmentRow } from './enrolment.ts';
import type { ServerRow } from './find.ts';
import type { ServerView } from './view.ts';

/**
 * Spends an enrolment: whoever holds its token names the machine. Compare-and-set, so of any number at once one wins;
 * the others get Fault `gone` without a word about who did, while the owner has an Event of each.
 */
export function claimEnrolment(ctx: Context, address: string, enrolmentId: string, input: unknown): ServerView {
  const claim = parsed(enrolmentClaim, input);
  const found = ctx.db
    .select()
    .from(enrolments)
    .innerJoin(servers, eq(servers.id, enrolments.serverId))
    .where(eq(enrolments.id, enrolmentId))
    .get();
  if (found === undefined || !isToken(found.enrolments, claim.token)) {
    throw new Fault('not_allowed', {
      message: 'this token does not open this enrolment',
      hint: 'paste the line as it was shown, whole; or make another with kip server invite',
    });
  }
  const actor = { kind: 'enrolment', enrolmentId, organizationId: found.servers.organizationId, address } as const;
  if (!isOpen(ctx, found.enrolments)) {
    atomically(ctx.db, () =>
      writeEvent(ctx, actor, {
        organizationId: actor.organizationId,
        name: 'enrolment.refused',
        subject: enrolmentId,
        data: { serverId: found.servers.id, why: whyClosed(found.enrolments) },
      }),
    );
    throw closed(found.servers);
  }
  demandSameUrl(ctx, found.enrolments, found.servers);
  const view = atomically(ctx.db, () => {
    spend(ctx, found.enrolments, found.servers, address);
    return enrolServer(ctx, actor, found.servers, found.enrolments, claim satisfies EnrolmentClaim, address);
  });
  ctx.ring();
  return view;
}

/** Digests of equal length, compared in constant time (T47). */
function isToken(row: EnrolmentRow, token: string): boolean {
  return timingSafeEqual(Buffer.from(row.tokenHash, 'hex'), Buffer.from(hashToken(token), 'hex'));
}

function isOpen(ctx: Context, row: EnrolmentRow): boolean {
  return row.claimedAtMs === null && row.revokedAtMs === null && row.expiresAtMs > ctx.now();
}

function whyClosed(row: EnrolmentRow): string {
  if (row.claimedAtMs !== null) return 'claimed';
  return row.revokedAtMs === null ? 'expired' : 'revoked';
}

function closed(server: ServerRow): Fault {
  return new Fault('gone', {
    message: 'this enrolment is over: it was used, revoked or has expired',
    hint: `make another with kip server invite ${server.name}`,
    reason: 'enrolment_over',
  });
}

function demandSameUrl(ctx: Context, row: EnrolmentRow, server: ServerRow): void {
  if (row.publicUrl === ctx.config.url) return;
  throw new Fault('conflict', {
    message: `this enrolment was made for ${row.publicUrl}, and the control plane is ${ctx.config.url} now`,
    hint: `make another with kip server invite ${server.name}`,
    reason: 'public_url_changed',
  });
}

function spend(ctx: Context, row: EnrolmentRow, server: ServerRow, address: string): void {
  const nowMs = ctx.now();
  const { changes } = ctx.db
    .update(enrolments)
    .set({ claimedAtMs: nowMs, claimedFrom: address })
    .where(
      and(eq(enrolments.id, row.id), isNull(enrolments.claimedAtMs), isNull(enrolments.revokedAtMs), gt(enrolments.expiresAtMs, nowMs)),
    )
    .run();
  if (changes !== 1) throw closed(server);
}
