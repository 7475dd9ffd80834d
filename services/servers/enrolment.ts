import { createHash } from 'node:crypto';
import { and, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { checkLine, pasteLine } from '../../bootstrap/enrol.ts';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { enrolmentMinutes } from '../../core/server/enrolment.ts';
import type { Actor } from '../access.ts';
import { isLoopback } from '../config.ts';
import type { Context } from '../context.ts';
import { enrolments, serverKeys } from '../db/tables.ts';
import { makeServerKey } from '../vault/serverkey.ts';
import type { ServerRow } from './find.ts';
import { certificatePin, scriptOf } from './script.ts';
import type { EnrolmentView } from './view.ts';

/** `paste`: one line on the server. `ssh`: kip streams the script through the person's own ssh and posts the claim. */
export const enrolmentWay = { via: z.enum(['paste', 'ssh']).default('paste'), minutes: enrolmentMinutes };
export interface EnrolmentWay {
  via: 'paste' | 'ssh';
  minutes: number;
}

export type EnrolmentRow = typeof enrolments.$inferSelect;

/** 256 random bits; the record keeps their SHA-256 only. */
export function newToken(ctx: Context): string {
  return `kpe_${Buffer.from(ctx.random(32)).toString('base64url')}`;
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** A pasted line has to reach us from the server, by TLS. */
export function demandReachable(ctx: Context, via: EnrolmentWay['via']): void {
  if (via === 'ssh') return;
  const url = new URL(ctx.config.url);
  const loopback = isLoopback(url.hostname.replace(/^\[|\]$/g, ''));
  if (!loopback && url.protocol === 'https:') return;
  throw new Fault('conflict', {
    message: loopback
      ? `no other machine can reach this control plane at ${ctx.config.url}`
      : `${ctx.config.url} is not HTTPS: the enrolment token would travel in clear`,
    hint: 'enrol over your own ssh with kip install --host ADDRESS, or start the control plane with bin/up --public https://ADDRESS:PORT (KIPPER_URL and KIPPER_TLS_CERT elsewhere)',
    field: 'KIPPER_URL',
    reason: 'not_reachable_from_outside',
  });
}

/**
 * A new one-time enrolment of a server, in the verb's transaction. Open ones of the same server are revoked, and the
 * server has its key pair from now on: the script carries the public half.
 */
export function openEnrolment(ctx: Context, actor: Actor, server: ServerRow, way: EnrolmentWay & { replaces: boolean }): EnrolmentView {
  const nowMs = ctx.now();
  const token = newToken(ctx);
  const row = { id: newId('enrolment', nowMs, ctx.random), publicUrl: ctx.config.url, expiresAtMs: nowMs + way.minutes * 60_000 };
  revokeOpen(ctx, server.id);
  ctx.db
    .insert(enrolments)
    .values({
      ...row,
      serverId: server.id,
      tokenHash: hashToken(token),
      replaces: way.replaces,
      createdBy: canonical(actor),
      createdAtMs: nowMs,
    })
    .run();
  const key = currentKey(ctx, server.id) ?? makeServerKey(ctx, server.id);
  const { sha256 } = scriptOf(ctx.config, { url: row.publicUrl, enrolmentId: row.id, serverName: server.name, publicKey: key.publicKey });
  const place = { url: row.publicUrl, enrolmentId: row.id, pin: certificatePin(ctx.config) };
  return {
    id: row.id,
    url: `${row.publicUrl}/e/${row.id}`,
    token,
    line: way.via === 'ssh' ? null : pasteLine(place, token),
    check: way.via === 'ssh' ? null : checkLine(place, sha256),
    scriptSha256: sha256,
    expiresAtMs: row.expiresAtMs,
  };
}

export function revokeOpen(ctx: Context, serverId: string): number {
  return ctx.db
    .update(enrolments)
    .set({ revokedAtMs: ctx.now() })
    .where(and(eq(enrolments.serverId, serverId), isNull(enrolments.claimedAtMs), isNull(enrolments.revokedAtMs)))
    .run().changes;
}

/** The public half only: the private one is not even selected (T23). */
export function currentKey(ctx: Context, serverId: string): { publicKey: string } | undefined {
  return ctx.db
    .select({ publicKey: serverKeys.publicKey })
    .from(serverKeys)
    .where(and(eq(serverKeys.serverId, serverId), isNull(serverKeys.retiredAtMs)))
    .get();
}
