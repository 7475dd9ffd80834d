import { Readable } from 'node:stream';
import { Hono, type Context as HonoContext } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { Fault, faultCodes, toFault } from '../core/fault.ts';
import type { RecordBatch, Settlement } from '../core/runs.ts';
import { batchMaxBytes, claimBody, planBody, planMaxBytes, recordBatch, settlementBody, signBody } from '../core/wire.ts';
import type { Context } from './context.ts';
import { identifyWorker } from './fleet/identify.ts';
import { openArtefact } from './runs/artefact.ts';
import { claimRun } from './runs/claim.ts';
import { heartbeat } from './runs/heartbeat.ts';
import { freezePlan } from './runs/plan.ts';
import { writeRecords } from './runs/records.ts';
import { settleRun } from './runs/settle.ts';
import { signChallenge } from './runs/sign.ts';

/** What workers talk to: on a unix socket, or on KIPPER_RUN_LISTEN with TLS; never on the public listener. */
export function makeRunApi(ctx: Context, warn: (fault: Fault) => void): Hono {
  const app = new Hono();
  app.onError((thrown) => {
    const fault = toFault(thrown);
    if (fault.code === 'internal') warn(fault);
    return Response.json(fault.view(), { status: faultCodes[fault.code].status });
  });
  const small = bodyLimit({ maxSize: batchMaxBytes * 2, onError: tooLarge });
  app.post('/run/claim', small, async (c) => {
    const { runId } = await read(c, claimBody);
    const worker = await identifyWorker(ctx, bearerOf(c), runId);
    const claim = claimRun(ctx, worker, runId);
    return claim === null ? c.body(null, 204) : c.json(claim);
  });
  app.post('/run/:id/heartbeat', small, (c) => c.json(heartbeat(ctx, c.req.param('id'), bearerOf(c))));
  app.post('/run/:id/plan', bodyLimit({ maxSize: planMaxBytes, onError: tooLarge }), async (c) => {
    const { plan, hash } = await read(c, planBody);
    freezePlan(ctx, c.req.param('id'), bearerOf(c), plan, hash);
    return c.body(null, 204);
  });
  app.post('/run/:id/records', small, async (c) => {
    writeRecords(ctx, c.req.param('id'), bearerOf(c), (await read(c, recordBatch)) as RecordBatch);
    return c.body(null, 204);
  });
  app.post('/run/:id/sign', small, async (c) => {
    const { challenge } = await read(c, signBody);
    const signature = signChallenge(ctx, c.req.param('id'), bearerOf(c), Buffer.from(challenge, 'base64'));
    return c.json({ signature: signature.toString('base64') });
  });
  app.post('/run/:id/settle', small, async (c) => {
    settleRun(ctx, c.req.param('id'), bearerOf(c), (await read(c, settlementBody)) as Settlement);
    return c.body(null, 204);
  });
  app.get('/run/:id/artefacts/:sha256', async (c) => {
    const { stream, bytes } = await openArtefact(ctx, c.req.param('id'), bearerOf(c), c.req.param('sha256'));
    return new Response(Readable.toWeb(stream) as ReadableStream<Uint8Array>, {
      headers: { 'content-length': String(bytes), 'content-type': 'application/octet-stream' },
    });
  });
  return app;
}

function bearerOf(c: HonoContext): string {
  return /^Bearer ([A-Za-z0-9._-]{1,2048})$/.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
}

async function read<T extends z.ZodType>(c: HonoContext, schema: T): Promise<z.output<T>> {
  const body: unknown = await c.req.json().catch(() => undefined);
  const parsed = schema.safeParse(body);
  if (!parsed.success)
    throw new Fault('invalid_input', {
      message: `the body is out of shape: ${parsed.error.issues[0]?.message}`,
      field: parsed.error.issues[0]?.path.join('/') ?? '',
    });
  return parsed.data;
}

function tooLarge(): never {
  throw new Fault('too_large', 'the body is too large');
}
