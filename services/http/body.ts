import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Fault } from '../../core/fault.ts';
import type { HttpEnv } from './openapi.ts';

const mostBytes = 64 * 1024;
/** Facts of a host are the one body that may be longer. */
const longer: readonly { path: RegExp; bytes: number }[] = [
  { path: /^\/v1\/plans$/, bytes: 1024 * 1024 },
  { path: /^\/v1\/enrolments\/[^/]+\/claim$/, bytes: 256 * 1024 },
];

function tooLarge(bytes: number): Fault {
  return new Fault('too_large', { message: `the body is larger than ${bytes / 1024} KiB`, hint: 'send less' });
}

/**
 * For routes that may have a body. A declared length is held by the HTTP parser, so the number alone decides; only a body without one is counted while it
 * is read, which costs far more.
 */
export function limitBody(): MiddlewareHandler<HttpEnv> {
  const counted = new Map<number, MiddlewareHandler>();
  return async function limitBodyOf(c, next) {
    const bytes = longer.find((entry) => entry.path.test(c.req.path))?.bytes ?? mostBytes;
    const declared = c.req.header('content-length');
    if (declared !== undefined && c.req.header('transfer-encoding') === undefined) {
      if (!(Number(declared) <= bytes)) throw tooLarge(bytes);
      return next();
    }
    const count =
      counted.get(bytes) ??
      bodyLimit({
        maxSize: bytes,
        onError: () => {
          throw tooLarge(bytes);
        },
      });
    counted.set(bytes, count);
    return count(c, next);
  };
}
