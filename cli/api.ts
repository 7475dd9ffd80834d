import type { IncomingMessage } from 'node:http';
import { readState } from './config.ts';
import { exchange, type Ask } from './exchange.ts';
import { freshToken } from './session.ts';
import { textOf } from './transport.ts';

/** A signed-in call whose body is read by the caller. */
export async function open(path: string, ask: Ask = {}): Promise<IncomingMessage> {
  const state = readState();
  const token = await freshToken(state);
  return exchange(state, path, { ...ask, headers: { ...ask.headers, authorization: `Bearer ${token}` } });
}

/** A signed-in call of the API: its JSON, or the Fault that it answered. */
export async function api<T>(path: string, ask: Ask = {}): Promise<T> {
  const text = await textOf(await open(path, ask));
  return (text === '' ? null : JSON.parse(text)) as T;
}

/** A signed-in call that answers text. */
export async function apiText(path: string): Promise<string> {
  return textOf(await open(path, { headers: { accept: 'text/plain' } }));
}
