import { createHash } from 'node:crypto';
import { and, eq, lt } from 'drizzle-orm';
import type { Context as HonoContext, MiddlewareHandler } from 'hono';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { idempotencyKeys } from '../db/tables.ts';
import type { HttpEnv } from './openapi.ts';
import { recordOf, replayOf, type Fetch } from './replay.ts';

const keptMs = 24 * 3_600_000;
const keyPattern = /^[\x21-\x7e]{1,200}$/;

type Row = typeof idempotencyKeys.$inferSelect;
type Place = Pick<Row, 'actorId' | 'route' | 'key'>;

/**
 * `Idempotency-Key` on a POST of a signed-in person: the second of the same asks nothing of the verb and gets what the
 * first one made. Kept are status, ids and names of members; never a value, so no secret comes twice.
 */
export function idempotency(ctx: Context, fetchSelf: Fetch): MiddlewareHandler<HttpEnv> {
  const inFlight = new Set<string>();
  return async function idempotencyOf(c, next) {
    const key = c.req.header('idempotency-key');
    const actor = c.get('actor') as HttpEnv['Variables']['actor'] | undefined;
    if (key === undefined || actor === undefined) return next();
    if (!keyPattern.test(key))
      throw new Fault('invalid_input', {
        message: 'an Idempotency-Key is 1 to 200 printable characters without blanks',
        field: 'Idempotency-Key',
      });
    const place: Place = { actorId: actor.personId, route: c.req.path, key };
    const bodySha256 = createHash('sha256')
      .update(await c.req.text())
      .digest('hex');
    const earlier = atomically(ctx.db, () => take(ctx, place, bodySha256));
    const name = JSON.stringify(place);
    if (earlier !== undefined) return answerAgain(c, earlier, bodySha256, inFlight.has(name), fetchSelf);
    inFlight.add(name);
    try {
      await next();
      await settle(ctx, place, c.res);
    } finally {
      inFlight.delete(name);
    }
    return undefined;
  };
}

/** The earlier row of this key, or nothing and the key is ours. */
function take(ctx: Context, place: Place, bodySha256: string): Row | undefined {
  ctx.db
    .delete(idempotencyKeys)
    .where(lt(idempotencyKeys.createdAtMs, ctx.now() - keptMs))
    .run();
  const earlier = ctx.db.select().from(idempotencyKeys).where(at(place)).get();
  if (earlier === undefined)
    ctx.db
      .insert(idempotencyKeys)
      .values({ ...place, bodySha256, createdAtMs: ctx.now() })
      .run();
  return earlier;
}

/** A refusal changed nothing and is not kept: the same key may try again. */
async function settle(ctx: Context, place: Place, answer: Response): Promise<void> {
  if (answer.status >= 300) {
    ctx.db.delete(idempotencyKeys).where(at(place)).run();
    return;
  }
  const resource = JSON.stringify(await recordOf(answer.clone()));
  ctx.db.update(idempotencyKeys).set({ status: answer.status, resource }).where(at(place)).run();
}

async function answerAgain(
  c: HonoContext<HttpEnv>,
  earlier: Row,
  bodySha256: string,
  running: boolean,
  fetchSelf: Fetch,
): Promise<Response> {
  if (earlier.bodySha256 !== bodySha256) {
    throw new Fault('invalid_input', {
      message: 'this Idempotency-Key came with another body before',
      field: 'Idempotency-Key',
      hint: 'use a new key for a new request',
    });
  }
  if (running)
    throw new Fault('in_flight', {
      message: 'the first request with this Idempotency-Key is not answered yet',
      hint: 'try again in a moment',
    });
  if (earlier.status === null) {
    throw new Fault('conflict', {
      message: 'Kipper stopped while it answered this request: whether it was done is not known',
      hint: 'look at what there is, then use a new Idempotency-Key',
      reason: 'outcome_unknown',
    });
  }
  return replayOf(c, earlier.status, earlier.resource, fetchSelf);
}

function at(place: Place) {
  return and(eq(idempotencyKeys.actorId, place.actorId), eq(idempotencyKeys.route, place.route), eq(idempotencyKeys.key, place.key));
}
