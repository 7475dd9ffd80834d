/** Where a Redis is, as its client wants it. */
export type RedisPlace =
  | { path: string }
  | { host: string; port: number; username?: string; password?: string; db?: number; tls?: { servername: string } };

export const queueName = 'runs';
export const queuePrefix = 'kipper';

/** `unix:///path`, `redis://` or `rediss://` (TLS); the configuration has checked the scheme. */
export function redisPlace(url: string): RedisPlace {
  const parts = new URL(url);
  if (parts.protocol === 'unix:') return { path: decodeURIComponent(parts.pathname) };
  const host = parts.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: parts.port === '' ? 6379 : Number(parts.port),
    ...(parts.username === '' ? {} : { username: decodeURIComponent(parts.username) }),
    ...(parts.password === '' ? {} : { password: decodeURIComponent(parts.password) }),
    ...(/^\/\d+$/.test(parts.pathname) ? { db: Number(parts.pathname.slice(1)) } : {}),
    ...(parts.protocol === 'rediss:' ? { tls: { servername: host } } : {}),
  };
}
