import type { IncomingMessage } from 'node:http';
import { Fault } from '../core/fault.ts';
import { readState } from './config.ts';
import { exchange, jsonAnswer, type Ask } from './exchange.ts';
import { freshToken } from './session.ts';
import { textOf } from './transport.ts';

/** A signed-in call whose body is read by the caller. A token that is refused although it looked good is renewed once. */
export async function open(path: string, ask: Ask = {}): Promise<IncomingMessage> {
  const state = readState();
  const token = await freshToken(state);
  try {
    return await exchange(state, path, signed(ask, token));
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== 'not_signed_in' || readState().refreshToken === null) throw thrown;
    return exchange(state, path, signed(ask, await freshToken(readState(), token)));
  }
}

const signed = (ask: Ask, token: string): Ask => ({ ...ask, headers: { ...ask.headers, authorization: `Bearer ${token}` } });

/** A signed-in call of the API: its JSON, or the Fault that it answered. */
export async function api<T>(path: string, ask: Ask = {}): Promise<T> {
  return jsonAnswer<T>(await open(path, ask));
}

/** A signed-in call that answers text. */
export async function apiText(path: string): Promise<string> {
  return textOf(await open(path, { headers: { accept: 'text/plain' } }));
}

export interface List<T> {
  items: T[];
  next: string | null;
}

/** Every item of a list, page after page. */
export async function listAll<T>(path: string): Promise<List<T>> {
  const items: T[] = [];
  let after: string | null = null;
  do {
    const page: List<T> = await api(`${path}?limit=200${after === null ? '' : `&after=${encodeURIComponent(after)}`}`);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return { items, next: null };
}
