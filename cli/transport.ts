import { createHash } from 'node:crypto';
import { request as plain, type IncomingMessage } from 'node:http';
import { request as secure } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../core/fault.ts';

export interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
  quietMs?: number;
}

const connectMs = 15_000;
/** Fetching artefacts is part of one call. */
const usualQuietMs = 900_000;
const timedOut = () => Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });

/** `sha256//<base64>` of a certificate's public key (SPKI), as curl's --pinnedpubkey writes it. */
export function pinOf(publicKeyDer: Buffer): string {
  return `sha256//${createHash('sha256').update(publicKeyDer).digest('base64')}`;
}

/**
 * One HTTP exchange. With a pin the key alone decides, and it is checked before a byte of the request is sent; without one the
 * system's certificate authorities do.
 */
export function send(url: string, pin: string | null, call: Call): Promise<IncomingMessage> {
  const target = new URL(call.path, url);
  return new Promise((resolve, reject) => {
    const options = { method: call.method, headers: call.headers, signal: call.signal, agent: false as const };
    const outgoing =
      target.protocol === 'https:' ? secure(target, { ...options, rejectUnauthorized: pin === null }) : plain(target, options);
    const go = () => outgoing.end(call.body ?? '');
    outgoing.on('response', resolve);
    outgoing.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(url, error)));
    outgoing.setTimeout(call.quietMs ?? usualQuietMs, () => outgoing.destroy(timedOut()));
    const late = setTimeout(() => outgoing.destroy(timedOut()), connectMs);
    outgoing.on('close', () => clearTimeout(late));
    outgoing.on('socket', (socket) => socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(late)));
    if (pin === null || target.protocol !== 'https:') return void go();
    outgoing.on('socket', (socket) => {
      socket.once('secureConnect', () => {
        const key = (socket as TLSSocket).getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
        if (key !== undefined && pinOf(key) === pin) return void go();
        outgoing.destroy();
        reject(
          new Fault('not_allowed', {
            message: `the control plane at ${url} shows another key than the pinned one (${key === undefined ? 'none' : pinOf(key)} instead of ${pin})`,
            hint: 'if its certificate was renewed on purpose, run kip login again with the new --pin',
          }),
        );
      });
    });
  });
}

function unreachable(url: string, error: NodeJS.ErrnoException): Fault {
  if (error.name === 'AbortError') return new Fault('cancelled', 'interrupted');
  const untrusted = /CERT|SELF_SIGNED|VERIFY|ALTNAME/.test(error.code ?? '');
  return new Fault('unavailable', {
    message: `cannot reach the control plane at ${url} (${error.code ?? 'no answer'})`,
    hint: untrusted
      ? 'it has a certificate of its own: sign in with kip login --url … --pin sha256//… as the control plane printed it'
      : 'is it running? npm start; another address: kip login --url https://…',
    cause: error,
  });
}

/** The whole body as text, at most 32 MiB. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > 32 * 1024 * 1024) throw new Fault('too_large', 'the answer of the control plane is larger than 32 MiB');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
