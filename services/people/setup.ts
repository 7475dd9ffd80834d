import { and, eq, gt, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { people, setupLinks } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { hashToken, newOpaqueToken, sameHash } from './tokens.ts';

export const setupLinkMs = 30 * 60_000;

export interface SetupLink {
  /** Holds the token: print it once, log it never. */
  url: Redacted<string>;
  expiresAtMs: number;
}

/**
 * The one-time link with which the first person sets Kipper up; an earlier one stops working. Fault `conflict` as soon as
 * a person exists.
 */
export function makeSetupLink(ctx: Context): SetupLink {
  const { token, hash } = newOpaqueToken(ctx, 'kps');
  const expiresAtMs = ctx.now() + setupLinkMs;
  atomically(ctx.db, () => {
    if (hasPerson(ctx)) {
      throw new Fault('conflict', {
        message: 'Kipper is set up already',
        hint: 'if nobody can sign in: kipper admin reset-password EMAIL',
        reason: 'set_up_already',
      });
    }
    ctx.db.delete(setupLinks).where(isNull(setupLinks.usedAtMs)).run();
    ctx.db.insert(setupLinks).values({ tokenHash: hash, createdAtMs: ctx.now(), expiresAtMs }).run();
    writeEvent(
      ctx,
      { kind: 'system', job: 'setup-link' },
      { organizationId: null, name: 'setup.link_made', subject: 'setup', data: { expiresAtMs } },
    );
  });
  return { url: new Redacted(`${ctx.config.url}/setup/${token}`), expiresAtMs };
}

export function hasPerson(ctx: Context): boolean {
  return ctx.db.select({ id: people.id }).from(people).limit(1).get() !== undefined;
}

/** The digest of a setup token that still works; Fault `not_found` for one that is unknown, used or too old. Changes nothing. */
export function checkSetupToken(ctx: Context, token: string): string {
  const hash = hashToken(token);
  const link = ctx.db
    .select()
    .from(setupLinks)
    .where(and(eq(setupLinks.tokenHash, hash), isNull(setupLinks.usedAtMs), gt(setupLinks.expiresAtMs, ctx.now())))
    .get();
  if (link === undefined || !sameHash(link.tokenHash, hash) || hasPerson(ctx)) {
    throw new Fault('not_found', {
      message: 'this setup link does not work (any more)',
      hint: 'make another with bin/up --setup-link, while nobody has set Kipper up',
    });
  }
  return link.tokenHash;
}
