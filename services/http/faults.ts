import type { Context as HonoContext } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Fault, faultCodes, toFault } from '../../core/fault.ts';

const titles: Partial<Record<string, string>> = { internal: 'Internal error', too_large: 'Too large' };

/** RFC 9457 answer of a Fault. `type` leads to the page that explains the codes. */
export function problemOf(c: HonoContext, fault: Fault, origin: string): Response {
  const { code, message, ...rest } = fault.view();
  const status: ContentfulStatusCode = faultCodes[code].status;
  const title = titles[code] ?? sentence(code);
  const body = { type: `${origin}/docs#${code}`, title, status, detail: message, code, ...rest };
  return c.newResponse(JSON.stringify(body), status, problemHeaders(fault));
}

function problemHeaders(fault: Fault): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (fault.code === 'not_signed_in') headers['www-authenticate'] = 'Bearer realm="kipper"';
  if (fault.code === 'rate_limited') headers['retry-after'] = fault.reason?.match(/^retry_after_(\d+)$/)?.[1] ?? '60';
  return headers;
}

function sentence(code: string): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Anything thrown under a route, as a Fault: a client never sees the words of an unexpected error. */
export function faultOf(thrown: unknown): Fault {
  if (thrown instanceof HTTPException) return faultOfHttp(thrown);
  const code = sqliteCode(thrown);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new Fault('storage_full', {
      message: 'the disk of the control plane is full: nothing was written',
      hint: 'free space under KIPPER_DATA and try again',
      cause: thrown,
    });
  }
  if (code === 'SQLITE_BUSY')
    return new Fault('unavailable', { message: 'the record is busy', hint: 'try again in a moment', cause: thrown });
  return toFault(thrown);
}

function sqliteCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return sqliteCode(thrown.cause);
}

function faultOfHttp(thrown: HTTPException): Fault {
  if (thrown.status === 413) return new Fault('too_large', { message: 'the body is too large', hint: 'send less than 64 KiB' });
  if (thrown.status === 415)
    return new Fault('malformed_request', { message: 'this content type is not understood here', hint: 'send application/json' });
  if (thrown.status === 400) return new Fault('malformed_request', { message: 'the body is not valid JSON', hint: 'send one JSON object' });
  return toFault(thrown);
}
