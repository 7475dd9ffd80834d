import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { Fault } from '../core/fault.ts';
import type { KubeAccess } from './kubeconfig.ts';

export interface KubeRequest {
  method: 'GET' | 'PATCH' | 'POST' | 'DELETE';
  path: string;
  body?: unknown;
  contentType?: string;
  accept?: string;
  /** Answers that are not an error for this request besides 2xx. */
  expect?: readonly number[];
}

export interface KubeAnswer {
  status: number;
  warnings: string[];
  body: unknown;
}

export interface KubeHttp {
  /** Repeats what may be repeated within the budget; every other answer comes back as it is. */
  send(request: KubeRequest): Promise<KubeAnswer>;
  close(): void;
}

export interface KubeHttpOptions {
  access: KubeAccess;
  /** A byte stream to the API server, such as a forwarded SSH channel. */
  dial(): Promise<Duplex>;
  signal: AbortSignal;
  requestMs?: number;
  /** How long one request may be repeated in all: an API server that restarts takes 5–30 s. */
  budgetMs?: number;
}

const maxBodyBytes = 32 * 1024 * 1024;
const repeatable = new Set([429, 500, 502, 503, 504]);

interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

class Transient extends Error {}

/** One HTTP/2 session over TLS over one dialled stream; dialled anew when it breaks. */
export function openKubeHttp(options: KubeHttpOptions): KubeHttp {
  const { signal, requestMs = 30_000, budgetMs = 120_000 } = options;
  let session: Promise<ClientHttp2Session> | null = null;
  const current = async (): Promise<ClientHttp2Session> => {
    const before = session;
    const held = await before?.catch(() => null);
    if (held !== null && held !== undefined && !held.closed && !held.destroyed) return held;
    // Many may have waited for the same broken one: the first dials, the others take what it gets.
    if (session === null || session === before) session = openSession(options);
    return session;
  };
  const once = async (request: KubeRequest): Promise<RawAnswer> => {
    const both = AbortSignal.any([signal, AbortSignal.timeout(requestMs)]);
    return exchange(await current(), request, both);
  };
  return {
    async send(request) {
      const until = Date.now() + budgetMs;
      for (let attempt = 0; ; attempt += 1) {
        signal.throwIfAborted();
        const answer = await once(request).catch((thrown: unknown) => transientOr(thrown, signal));
        const waitMs = answer instanceof Transient ? pauseMs(attempt) : repeatMs(answer, request, attempt);
        if (waitMs === null && !(answer instanceof Transient)) return read(answer);
        if (Date.now() + (waitMs ?? 0) > until) {
          if (!(answer instanceof Transient)) return read(answer);
          throw new Fault('unavailable', {
            message: 'the Kubernetes API does not answer',
            reason: 'api_unreachable',
            hint: 'look at journalctl -u k3s on the server',
            cause: answer,
          });
        }
        await sleep(waitMs ?? 0, undefined, { signal });
      }
    },
    close() {
      const closing = session;
      session = null;
      closing?.then((held) => held.destroy()).catch(() => undefined);
    },
  };
}

function transientOr(thrown: unknown, signal: AbortSignal): Transient {
  signal.throwIfAborted();
  if (thrown instanceof Fault) throw thrown;
  return new Transient('no answer', { cause: thrown });
}

function pauseMs(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 5_000);
}

/** How long to wait before sending the same again, or null when the answer stands. */
function repeatMs(answer: RawAnswer, request: KubeRequest, attempt: number): number | null {
  if (request.expect?.includes(answer.status) === true || !repeatable.has(answer.status)) return null;
  const after = Number(answer.headers['retry-after']);
  return Number.isFinite(after) && after > 0 ? Math.min(after, 30) * 1000 : pauseMs(attempt);
}

function read(answer: RawAnswer): KubeAnswer {
  return { status: answer.status, warnings: warningsOf(answer.headers['warning']), body: parsed(answer.text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The texts of `299 - "text"` warnings (RFC 7234, 5.5). */
function warningsOf(header: unknown): string[] {
  const lines = Array.isArray(header) ? header.map(String) : header === undefined ? [] : [String(header)];
  return lines.flatMap((line) =>
    [...line.matchAll(/299 [^ ]+ "((?:[^"\\]|\\.)*)"/g)].map((found) => (found[1] ?? '').replaceAll(/\\(.)/g, '$1')),
  );
}

async function openSession(options: KubeHttpOptions): Promise<ClientHttp2Session> {
  const { access, signal } = options;
  const stream = await options.dial();
  const tls = connectTls({
    socket: stream,
    host: access.host,
    ca: access.ca,
    cert: access.certificate,
    key: access.key.reveal(),
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
  });
  const session = connect(`https://${access.host}:${access.port}`, { createConnection: () => tls });
  // Every stream of a broken session fails by itself; without a listener the session's own error would end the process.
  session.on('error', () => undefined);
  tls.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    session.once('connect', () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    session.once('error', (error) => reject(certificateFault(error) ?? error));
    tls.once('error', (error) => reject(certificateFault(error) ?? error));
    tls.once('close', () => reject(new Error('closed before it was open')));
  }).catch((thrown: unknown) => {
    session.destroy();
    stream.destroy();
    throw thrown;
  });
  return session;
}

function certificateFault(error: Error): Fault | null {
  const code = 'code' in error ? String(error.code) : '';
  if (!/CERT|SIGNATURE|ALTNAME|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return null;
  return new Fault('cluster_refused', {
    message: 'the Kubernetes API shows a certificate that its own kubeconfig does not vouch for',
    reason: 'certificate_mismatch',
    hint: 'nothing was sent; look at who listens on port 6443 of the server',
    cause: error,
  });
}

function exchange(session: ClientHttp2Session, request: KubeRequest, signal: AbortSignal): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const payload = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body));
    const stream: ClientHttp2Stream = session.request(
      {
        ':method': request.method,
        ':path': request.path,
        accept: request.accept ?? 'application/json',
        ...(payload === null ? {} : { 'content-type': request.contentType ?? 'application/json', 'content-length': payload.length }),
      },
      { signal, endStream: payload === null },
    );
    let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('response', (got) => {
      headers = got;
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes)
        stream.destroy(
          new Fault('cluster_refused', { message: 'the Kubernetes API answered with more than 32 MiB', reason: 'answer_too_large' }),
        );
      else chunks.push(chunk);
    });
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0 || headers[':status'] === undefined) reject(new Error(`stream closed (${stream.rstCode})`));
      else resolve({ status: headers[':status'], headers, text: Buffer.concat(chunks).toString('utf8') });
    });
    if (payload !== null) stream.end(payload);
  });
}
