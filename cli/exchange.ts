import type { IncomingMessage } from 'node:http';
import { Fault, faultFromView, type FaultView } from '../core/fault.ts';
import type { State } from './config.ts';
import { send, textOf } from './transport.ts';

export interface Ask {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export type Place = Pick<State, 'url' | 'pin'>;

/** A call of the API that answers JSON; the Fault that it answered otherwise. */
export async function exchangeJson<T>(place: Place, path: string, ask: Ask = {}): Promise<T> {
  const text = await textOf(await exchange(place, path, ask));
  return (text === '' ? null : jsonOf(text)) as T;
}

/** A call whose body is read by the caller: live runs, plain text. */
export async function exchange(place: Place, path: string, ask: Ask): Promise<IncomingMessage> {
  const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
  const answer = await send(place.url, place.pin, {
    method: ask.method ?? 'GET',
    path,
    headers: {
      accept: 'application/json',
      'user-agent': 'kip',
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...ask.headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(ask.signal === undefined ? {} : { signal: ask.signal }),
  });
  if ((answer.statusCode ?? 500) < 400) return answer;
  throw problemOf(await textOf(answer), answer.statusCode ?? 500);
}

/** RFC 9457 back into the Fault it was made of. */
function problemOf(text: string, status: number): Fault {
  const problem = jsonOf(text) as (Partial<FaultView> & { detail?: string; title?: string }) | null;
  if (problem === null || typeof problem.code !== 'string') {
    return new Fault('unavailable', {
      message: `the control plane answered ${status} without saying why`,
      hint: 'is this really a Kipper control plane? see kip whoami',
    });
  }
  return faultFromView({ ...problem, code: problem.code, message: problem.detail ?? problem.title ?? 'refused' });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
