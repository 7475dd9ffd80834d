import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { desc, eq, isNull } from 'drizzle-orm';
import { newId } from '../../core/ids.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { signingKeys } from '../db/tables.ts';
import { writeEvent } from '../events.ts';

export type SigningKeyRow = typeof signingKeys.$inferSelect;

/** How long a signing key is used before a start of the control plane replaces it. */
export const keyAgeMs = 30 * 86_400_000;
/** A retired key opens what it signed for as long as an access token lives. */
export const keyGraceMs = 15 * 60_000;

/** A new Ed25519 key for access tokens; the one before it is retired and honoured for `keyGraceMs`. Answers its kid. */
export async function rotateSigningKey(ctx: Context, actor: Actor): Promise<string> {
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const [publicJwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  const kid = newId('key', ctx.now(), ctx.random);
  const privateSealed = ctx.vault.seal(Buffer.from(JSON.stringify(privateJwk)), { row: kid, field: 'private_sealed' });
  atomically(ctx.db, () => {
    ctx.db.update(signingKeys).set({ retiredAtMs: ctx.now() }).where(isNull(signingKeys.retiredAtMs)).run();
    ctx.db
      .insert(signingKeys)
      .values({ kid, publicJwk: JSON.stringify(publicJwk), privateSealed, createdAtMs: ctx.now() })
      .run();
    writeEvent(ctx, actor, { organizationId: null, name: 'key.rotated', subject: kid });
  });
  return kid;
}

/** To be called at start: makes the first key, and a new one when the current one is older than `keyAgeMs`. */
export async function freshenSigningKey(ctx: Context): Promise<void> {
  const row = currentKey(ctx);
  if (row === undefined || ctx.now() - row.createdAtMs >= keyAgeMs) await rotateSigningKey(ctx, { kind: 'system', job: 'keys' });
}

export function currentKey(ctx: Context): SigningKeyRow | undefined {
  return ctx.db.select().from(signingKeys).where(isNull(signingKeys.retiredAtMs)).orderBy(desc(signingKeys.kid)).get();
}

/** A key that still opens tokens: the current one, or one retired less than `keyGraceMs` ago. */
export function honouredKey(ctx: Context, kid: string): SigningKeyRow | undefined {
  const row = ctx.db.select().from(signingKeys).where(eq(signingKeys.kid, kid)).get();
  return row !== undefined && isHonoured(row, ctx.now()) ? row : undefined;
}

/** RFC 7517 key set of the public halves, for whoever checks our tokens. */
export function listPublicKeys(ctx: Context): { keys: JWK[] } {
  const rows = ctx.db.select().from(signingKeys).orderBy(desc(signingKeys.kid)).all();
  const keys = rows
    .filter((row) => isHonoured(row, ctx.now()))
    .map((row) => ({ ...publicJwkOf(row), kid: row.kid, alg: 'EdDSA', use: 'sig' }));
  return { keys };
}

export function publicJwkOf(row: Pick<SigningKeyRow, 'publicJwk'>): JWK {
  return JSON.parse(row.publicJwk) as JWK;
}

function isHonoured(row: SigningKeyRow, nowMs: number): boolean {
  return row.retiredAtMs === null || nowMs - row.retiredAtMs < keyGraceMs;
}
