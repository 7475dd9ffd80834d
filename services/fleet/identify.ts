import { errors, importJWK, jwtVerify } from 'jose';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { findWorker, isWorkerKey, type WorkerRow } from './register.ts';

const claimMs = 60_000;
const spent = new WeakMap<Context, Map<string, number>>();

/**
 * The worker that signed a claim: a JWT (EdDSA) of at most 60 s for audience kipper-run, about this run, used once.
 */
export async function identifyWorker(ctx: Context, token: string, runId: string): Promise<WorkerRow> {
  const publicKey = issuerOf(token);
  if (!isWorkerKey(publicKey)) throw refused('worker_unknown');
  const jti = await proveKey(ctx, token, publicKey, runId);
  const worker = findWorker(ctx, publicKey);
  if (worker === undefined) throw refused('worker_unknown');
  spend(ctx, `${worker.id} ${jti}`);
  return worker;
}

/** The token's own number, once its signature by this key has held. Before that nothing is looked up, read or written. */
async function proveKey(ctx: Context, token: string, publicKey: string, runId: string): Promise<string> {
  try {
    const key = await importKey(publicKey);
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['EdDSA'],
      audience: 'kipper-run',
      issuer: publicKey,
      subject: runId,
      requiredClaims: ['exp', 'iat', 'jti'],
      maxTokenAge: claimMs / 1000,
      clockTolerance: 5,
      currentDate: new Date(ctx.now()),
    });
    return payload.jti ?? '';
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) throw refused('claim_refused');
    throw thrown;
  }
}

/** 32 bytes that are no key are a stranger's. */
async function importKey(publicKey: string): ReturnType<typeof importJWK> {
  try {
    return await importJWK({ kty: 'OKP', crv: 'Ed25519', x: publicKey }, 'EdDSA');
  } catch {
    throw refused('claim_refused');
  }
}

/** Read before the signature is checked, only to know which key has to have made it. */
function issuerOf(token: string): string {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof payload === 'object' && payload !== null && 'iss' in payload ? String(payload.iss) : '';
  } catch {
    return '';
  }
}

function spend(ctx: Context, id: string): void {
  const used = spent.get(ctx) ?? new Map<string, number>();
  spent.set(ctx, used);
  const nowMs = ctx.now();
  for (const [old, untilMs] of used) {
    if (untilMs > nowMs) break;
    used.delete(old);
  }
  if (used.has(id)) throw refused('claim_used');
  used.set(id, nowMs + 2 * claimMs);
}

function refused(reason: string): Fault {
  return new Fault('not_signed_in', {
    message: 'the claim is not signed by a worker that is registered here',
    reason,
    hint: 'register the worker, or look at the clocks of both machines',
  });
}
