import { isIP } from 'node:net';
import type { Context as HonoContext } from 'hono';
import type { HttpEnv } from './openapi.ts';

/**
 * Who really asks. Without trusted proxies it is the peer of the connection and X-Forwarded-For is nothing but text a
 * client sent; with N of them, the entry N from the right, which the outermost trusted proxy wrote.
 */
export function clientAddress(c: HonoContext<HttpEnv>, hops: number): string {
  const peer = plainAddress(peerOf(c.env));
  if (hops === 0) return peer;
  const entries = (c.req.header('x-forwarded-for') ?? '').split(',');
  const claimed = plainAddress(entries.at(-hops)?.trim() ?? '');
  return entries.length >= hops && isIP(claimed) !== 0 ? claimed : peer;
}

function peerOf(env: unknown): string {
  const bindings = env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return bindings?.incoming?.socket?.remoteAddress ?? 'unknown';
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** One subscriber holds a whole IPv6 /64: limits count that, not the single address. */
export function limiterKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left;
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
