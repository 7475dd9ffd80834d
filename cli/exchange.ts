import type { IncomingMessage } from 'node:http';
import { Fault, faultFromView, type FaultView } from '../core/fault.ts';
import type { State } from './config.ts';
import { send, textOf } from './transport.ts';

export interface Ask {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** How long the line may be silent, in milliseconds. */
  quietMs?: number;
}

export type Place = Pick<State, 'url' | 'pin'>;

/** A call of the API that answers JSON; the Fault that it answered otherwise. */
export async function exchangeJson<T>(place: Place, path: string, ask: Ask = {}): Promise<T> {
  return jsonAnswer<T>(await exchange(place, path, ask));
}

/** The JSON of an answer; null of an empty one. What is no JSON does not come from Kipper. */
export async function jsonAnswer<T>(answer: IncomingMessage): Promise<T> {
  const text = await textOf(answer);
  const value = text === '' ? null : jsonOf(text);
  if (value === undefined) throw noKipper(answer.statusCode ?? 0);
  return value as T;
}

function noKipper(status: number): Fault {
  return new Fault('unavailable', {
    message: `what answers there (${status}) is no Kipper control plane`,
    hint: 'give its address: kip login --url https://…',
  });
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
    ...(ask.quietMs === undefined ? {} : { quietMs: ask.quietMs }),
  });
  const status = answer.statusCode ?? 500;
  if (status < 300) return answer;
  throw problemOf(await textOf(answer), status);
}

/** RFC 9457 back into the Fault it was made of. */
function problemOf(text: string, status: number): Fault {
  const problem = jsonOf(text) as (Partial<FaultView> & { detail?: string; title?: string }) | null | undefined;
  if (typeof problem?.code !== 'string') return noKipper(status);
  return faultFromView({ ...problem, code: problem.code, message: problem.detail ?? problem.title ?? 'refused' });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
