import { createHash, timingSafeEqual } from 'node:crypto';
import { importJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { currentKey, honouredKey, publicJwkOf, rotateSigningKey } from './keys.ts';

export const accessTokenMs = 15 * 60_000;
export const audience = 'kipper';
/** Our own are under 500 bytes. */
const longestToken = 2048;

export interface AccessClaims {
  personId: string;
  sessionId: string;
  expiresAtMs: number;
}

/** A 15-minute EdDSA JWT. It names person and session and holds no role: those are read anew on each request. */
export async function issueAccessToken(ctx: Context, personId: string, sessionId: string): Promise<{ token: string; expiresAtMs: number }> {
  if (currentKey(ctx) === undefined) await rotateSigningKey(ctx, { kind: 'system', job: 'keys' });
  const row = currentKey(ctx);
  if (row === undefined) throw new Fault('internal', 'there is no signing key');
  const privateJwk = JSON.parse(ctx.vault.open(row.privateSealed, { row: row.kid, field: 'private_sealed' }).toString()) as JWK;
  const issuedAt = Math.floor(ctx.now() / 1000);
  const expiresAt = issuedAt + accessTokenMs / 1000;
  const token = await new SignJWT({ sid: sessionId })
    .setProtectedHeader({ alg: 'EdDSA', kid: row.kid, typ: 'JWT' })
    .setIssuer(ctx.config.url)
    .setAudience(audience)
    .setSubject(personId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(await importJWK(privateJwk, 'EdDSA'));
  return { token, expiresAtMs: expiresAt * 1000 };
}

/** What a token claims, once its signature, issuer, audience, key and times are checked; Fault `not_signed_in` otherwise. */
export async function readAccessToken(ctx: Context, token: string): Promise<AccessClaims> {
  if (token.length > longestToken) throw notSignedIn();
  try {
    const { payload } = await jwtVerify(token, async (header) => verificationKey(ctx, header.kid), {
      algorithms: ['EdDSA'],
      issuer: ctx.config.url,
      audience,
      requiredClaims: ['exp', 'sub', 'sid'],
      currentDate: new Date(ctx.now()),
    });
    if (typeof payload['sid'] !== 'string' || payload.sub === undefined || payload.exp === undefined) throw notSignedIn();
    return { personId: payload.sub, sessionId: payload['sid'], expiresAtMs: payload.exp * 1000 };
  } catch (thrown) {
    throw notSignedIn(thrown);
  }
}

async function verificationKey(ctx: Context, kid: string | undefined) {
  const row = kid === undefined ? undefined : honouredKey(ctx, kid);
  if (row === undefined) throw notSignedIn();
  return importJWK(publicJwkOf(row), 'EdDSA');
}

export function notSignedIn(cause?: unknown): Fault {
  return new Fault('not_signed_in', { message: 'sign in first: this needs a valid access token', hint: 'run kip login', cause });
}

/** An opaque one-time secret (256 bits) and the digest that is kept of it. */
export function newOpaqueToken(ctx: Context, prefix: 'kpr' | 'kps'): { token: string; hash: string } {
  const token = `${prefix}_${Buffer.from(ctx.random(32)).toString('base64url')}`;
  return { token, hash: hashToken(token) };
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares two digests without telling by time where they differ. */
export function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')];
  return a.length === b.length && timingSafeEqual(a, b);
}
