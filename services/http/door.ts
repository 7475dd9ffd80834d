import type { Context as HonoContext, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { Fault } from '../../core/fault.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { clientAddress } from './address.ts';
import type { HttpEnv } from './openapi.ts';

/** Said on every answer; the few HTML pages replace the policy by their own. */
function standingHeaders(config: Config): [string, string][] {
  return [
    ['content-security-policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"],
    ['x-content-type-options', 'nosniff'],
    ['x-frame-options', 'DENY'],
    ['referrer-policy', 'no-referrer'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['cache-control', 'no-store'],
    ...(config.url.startsWith('https:') ? [['strict-transport-security', 'max-age=31536000'] as [string, string]] : []),
  ];
}

/** The first thing every request meets: who asks, the headers of every answer, one line in the access log (level debug, warn when we failed). */
export function door(config: Config, log: Log | undefined): MiddlewareHandler<HttpEnv> {
  const headers = standingHeaders(config);
  return async function doorOf(c, next) {
    const startedAt = log === undefined ? 0 : performance.now();
    c.set('address', clientAddress(c, config.behindProxy));
    setHeaders(c, headers);
    await next();
    if (log === undefined) return;
    const level = c.res.status >= 500 ? 'warn' : 'debug';
    log[level]('answered', lineOf(c, performance.now() - startedAt));
  };
}

/**
 * On a real connection straight on Node's answer, where a header of the route with the same name still wins: through the
 * web-standard Headers they were the dearest part of a read.
 */
function setHeaders(c: HonoContext<HttpEnv>, headers: readonly [string, string][]): void {
  const { outgoing } = (c.env ?? {}) as { outgoing?: { setHeader(name: string, value: string): void } };
  for (const [name, value] of headers) {
    if (outgoing === undefined) c.header(name, value);
    else outgoing.setHeader(name, value);
  }
}

/** The route's pattern, never the path or the query as sent: those may hold a setup token or worse. */
function lineOf(c: HonoContext<HttpEnv>, tookMs: number): Record<string, unknown> {
  const actor = c.get('actor') as HttpEnv['Variables']['actor'] | undefined;
  const route = routePath(c, -1);
  return {
    method: c.req.method,
    route: route.endsWith('*') ? '(none)' : route,
    status: c.res.status,
    tookMs: Math.round(tookMs * 10) / 10,
    address: c.get('address'),
    ...(actor === undefined ? {} : { personId: actor.personId, sessionId: actor.sessionId }),
  };
}

/**
 * For unsafe methods. What a browser sends from another site is refused, whatever its content type. Programs send neither
 * header and pass: they carry a token that no browser adds by itself.
 */
export function refuseForeignOrigin(config: Config): MiddlewareHandler<HttpEnv> {
  return async function refuseForeignOriginOf(c, next) {
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin');
    const foreign = (site !== undefined && site !== 'same-origin' && site !== 'none') || (origin !== undefined && origin !== config.url);
    if (foreign)
      throw new Fault('not_allowed', {
        message: 'requests from another web site are refused',
        hint: `use ${config.url}`,
        reason: 'foreign_origin',
      });
    return next();
  };
}
