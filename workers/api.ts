import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { Fault, faultFromView } from '../core/fault.ts';
import type { Plan } from '../core/plan.ts';
import type { Claim, Heartbeat, RecordBatch, Settlement } from '../core/runs.ts';
import { faultView } from '../core/wire.ts';

/** A run's side of the control plane. Every call throws a Fault; `superseded` means that the run belongs to another worker now. */
export interface RunApi {
  heartbeat(): Promise<Heartbeat>;
  /** Freezes the plan: from now on this run executes it and no other. */
  plan(plan: Plan, hash: string): Promise<void>;
  records(batch: RecordBatch): Promise<void>;
  /** Signs an SSH authentication challenge (SSH2_MSG_USERAUTH_REQUEST); returns the signature in SSH wire format. */
  sign(challenge: Uint8Array): Promise<Uint8Array>;
  artefact(sha256: string): Promise<{ stream: Readable; bytes: number }>;
  settle(settlement: Settlement): Promise<void>;
}

/** The run API's address: a unix socket, or https. */
export type RunPlace = { socketPath: string } | { origin: string };

export interface Control {
  /** Null: not now. `signed` is a fresh claim token of this worker. */
  claim(runId: string, signed: string): Promise<Claim | null>;
  run(claim: Claim): RunApi;
  close(): void;
}

const answerMs = 20_000;
const answerMaxBytes = 32 * 1024 * 1024;

interface Line {
  send(path: string, token: string, body: unknown): Promise<unknown>;
  open(path: string, token: string): Promise<IncomingMessage>;
}

export function openControl(place: RunPlace): Control {
  const remote = 'origin' in place;
  const agent = remote ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  const start = (options: RequestOptions, answer: (message: IncomingMessage) => void) =>
    remote
      ? httpsRequest(place.origin, { ...options, agent }, answer)
      : httpRequest({ ...options, agent, socketPath: place.socketPath }, answer);
  const line: Line = {
    send: (path, token, body) =>
      new Promise((resolve, reject) => {
        const text = JSON.stringify(body);
        const options = {
          method: 'POST',
          path,
          timeout: answerMs,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
        };
        const request = start(options, (message) => readAnswer(message).then(resolve, reject));
        request.on('timeout', () => request.destroy(new Error('no answer in time')));
        request.on('error', (thrown) => reject(unreachable(thrown)));
        request.end(text);
      }),
    open: (path, token) =>
      new Promise((resolve, reject) => {
        const request = start({ method: 'GET', path, timeout: answerMs, headers: { authorization: `Bearer ${token}` } }, (message) => {
          if (message.statusCode === 200) resolve(message);
          else readAnswer(message).then(() => reject(unreachable(new Error('an unexpected answer'))), reject);
        });
        request.on('timeout', () => request.destroy(new Error('no answer in time')));
        request.on('error', (thrown) => reject(unreachable(thrown)));
        request.end();
      }),
  };
  return {
    claim: async (runId, signed) => ((await line.send('/run/claim', signed, { runId })) as Claim | undefined) ?? null,
    run: (claim) => runApi(line, claim),
    close: () => agent.destroy(),
  };
}

function runApi(line: Line, claim: Claim): RunApi {
  let token = claim.token;
  const at = (verb: string) => `/run/${claim.runId}/${verb}`;
  return {
    heartbeat: async () => {
      const beat = z.object({ token: z.string(), cancel: z.boolean() }).parse(await line.send(at('heartbeat'), token, {}));
      token = beat.token;
      return beat;
    },
    plan: async (plan, hash) => void (await line.send(at('plan'), token, { plan, hash })),
    records: async (batch) => void (await line.send(at('records'), token, batch)),
    sign: async (challenge) => {
      const answer = await line.send(at('sign'), token, { challenge: Buffer.from(challenge).toString('base64') });
      return Buffer.from(z.object({ signature: z.base64() }).parse(answer).signature, 'base64');
    },
    artefact: async (sha256) => {
      const stream = await line.open(at(`artefacts/${sha256}`), token);
      return { stream, bytes: Number(stream.headers['content-length']) };
    },
    settle: async (settlement) => void (await line.send(at('settle'), token, settlement)),
  };
}

async function readAnswer(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > answerMaxBytes) throw new Error('the answer is too large');
    }
  } catch (thrown) {
    throw unreachable(thrown);
  }
  const body = parse(Buffer.concat(chunks).toString());
  const status = message.statusCode ?? 0;
  if (status >= 200 && status < 300) return body;
  const view = faultView.safeParse(body);
  if (!view.success) throw unreachable(new Error(`an answer with status ${status}`));
  const { code, message: words, hint, field, reason } = view.data;
  throw faultFromView({
    code,
    message: words,
    ...(hint === undefined ? {} : { hint }),
    ...(field === undefined ? {} : { field }),
    ...(reason === undefined ? {} : { reason }),
  });
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function unreachable(cause: unknown): Fault {
  return new Fault('unavailable', {
    message: 'the control plane does not answer',
    reason: 'control_plane',
    hint: 'look at the control plane; the run goes on when it is back',
    cause,
  });
}
