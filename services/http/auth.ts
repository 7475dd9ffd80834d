import { hash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { readSessionActor } from '../people/session-actor.ts';
import { notSignedIn, readAccessToken, type AccessClaims } from '../people/tokens.ts';
import { limiterKey } from './address.ts';
import type { Limits } from './limits.ts';
import type { HttpEnv } from './openapi.ts';

/** Everything under /v1 but these needs a valid access token. */
export const publicRoutes: readonly { method: string; path: RegExp }[] = [
  { method: 'POST', path: /^\/v1\/sessions$/ },
  { method: 'POST', path: /^\/v1\/sessions\/refresh$/ },
  { method: 'POST', path: /^\/v1\/enrolments\/[^/]+\/claim$/ },
  { method: 'GET', path: /^\/v1\/openapi\.json$/ },
];

export function isPublic(method: string, path: string): boolean {
  return publicRoutes.some((route) => route.method === method && route.path.test(path));
}

const mostRemembered = 2000;

/** Lets a request pass with an actor, or not at all; strangers are counted by address, sessions by id. */
export function requireActor(ctx: Context, limits: Limits): MiddlewareHandler<HttpEnv> {
  const claimsOf = rememberClaims(ctx);
  return async function requireActorOf(c, next) {
    if (isPublic(c.req.method, c.req.path)) {
      await limits.spend('stranger', limiterKey(c.get('address')));
      return next();
    }
    try {
      refuseTokenInQuery(c.req.url);
      const claims = await claimsOf(bearerOf(c.req.header('authorization')));
      c.set('actor', readSessionActor(ctx, claims.personId, claims.sessionId, c.get('address')));
      c.set('signedInUntilMs', claims.expiresAtMs);
    } catch (thrown) {
      await limits.spend('stranger', limiterKey(c.get('address')));
      throw thrown;
    }
    await limits.spend('session', c.get('actor').sessionId);
    return next();
  };
}

/** A token is checked once: its digest stands for the claims until they expire. The session is read every time. */
function rememberClaims(ctx: Context): (token: string) => Promise<AccessClaims> {
  const remembered = new Map<string, AccessClaims>();
  return async (token) => {
    const digest = hash('sha256', token, 'base64');
    const known = remembered.get(digest);
    if (known !== undefined && known.expiresAtMs > ctx.now()) return known;
    remembered.delete(digest);
    const claims = await readAccessToken(ctx, token);
    if (remembered.size >= mostRemembered) remembered.delete(remembered.keys().next().value ?? '');
    remembered.set(digest, claims);
    return claims;
  };
}

function bearerOf(header: string | undefined): string {
  if (header === undefined || header.length > 4096) throw notSignedIn();
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header)?.[1];
  if (token === undefined) throw notSignedIn();
  return token;
}

/** A token in a URL ends up in logs and histories: refused even when the header is right. */
function refuseTokenInQuery(url: string): void {
  const at = url.indexOf('?');
  if (at === -1 || !/[?&](?:access_token|token|jwt|authorization)=/i.test(url.slice(at))) return;
  throw new Fault('not_signed_in', {
    message: 'a token is never taken from the URL',
    hint: 'send it in the Authorization header, and treat this one as leaked: kip logout, kip login',
  });
}
