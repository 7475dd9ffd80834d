import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { Fault } from '../../../core/fault.ts';
import { runStates } from '../../../core/runs.ts';
import type { Context } from '../../context.ts';
import { readSessionActor, type PersonActor } from '../../people/session-actor.ts';
import { cancelRun } from '../../runs/cancel.ts';
import { listRuns } from '../../runs/list.ts';
import { retryRun } from '../../runs/retry.ts';
import { runSteps, showRun } from '../../runs/show.ts';
import { watchRun } from '../../runs/watch.ts';
import { idParam, json, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';
import { runView, stepView } from '../run-view.ts';
import { sseBody, type SseMessage } from '../sse.ts';

const tags = ['runs'];
const params = idParam('run');
const idText = z.string().max(64).optional();

const list = createRoute({
  method: 'get',
  path: '/runs',
  tags,
  summary: 'List runs',
  request: { query: pageQuery.extend({ server: idText, app: idText, state: z.enum(runStates).optional() }) },
  responses: { 200: json(pageOf(runView), 'newest first'), ...problems },
});

const show = createRoute({
  method: 'get',
  path: '/runs/{run}',
  tags,
  summary: 'Show a run',
  request: { params },
  responses: { 200: json(runView, 'the run'), ...problems },
});

const steps = createRoute({
  method: 'get',
  path: '/runs/{run}/steps',
  tags,
  summary: 'Every step with its command, outcome and output',
  request: { params },
  responses: { 200: json(z.object({ items: z.array(stepView), next: z.null() }), 'in the order of the plan'), ...problems },
});

const events = createRoute({
  method: 'get',
  path: '/runs/{run}/events',
  tags,
  summary: 'Watch a run live',
  request: {
    params,
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^\d{1,15}$/, 'use the id of the last event seen')
        .optional(),
    }),
  },
  responses: {
    200: {
      description: 'server-sent events until the run has settled; resume with Last-Event-ID',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problems,
  },
});

const cancel = createRoute({
  method: 'post',
  path: '/runs/{run}/cancel',
  tags,
  summary: 'Cancel a run',
  request: { params },
  responses: { 202: json(runView, 'accepted'), ...problems },
});
const retry = createRoute({
  method: 'post',
  path: '/runs/{run}/retry',
  tags,
  summary: 'Try a run again, as a new run',
  request: { params },
  responses: { 202: json(runView, 'accepted'), ...problems },
});

const mostWatchers = 20;

export function runRoutes(ctx: Context, stopping: AbortSignal) {
  const watchers = makeWatchers();
  return router()
    .openapi(list, (c) => {
      const query = c.req.valid('query');
      const filter = {
        ...(query.server === undefined ? {} : { serverId: query.server }),
        ...(query.app === undefined ? {} : { appId: query.app }),
        ...(query.state === undefined ? {} : { state: query.state }),
      };
      return c.json(listRuns(ctx, c.get('actor'), { limit: query.limit, after: query.after ?? null }, filter), 200);
    })
    .openapi(show, (c) => c.json(showRun(ctx, c.get('actor'), c.req.valid('param').run), 200))
    .openapi(steps, (c) => c.json({ items: runSteps(ctx, c.get('actor'), c.req.valid('param').run), next: null }, 200))
    .openapi(cancel, (c) => c.json(cancelRun(ctx, c.get('actor'), c.req.valid('param').run), 202))
    .openapi(retry, (c) => c.json(retryRun(ctx, c.get('actor'), c.req.valid('param').run), 202))
    .openapi(events, (c) => {
      const actor = c.get('actor');
      const untilMs = c.get('signedInUntilMs');
      const over = new AbortController();
      const messages = sseMessages(ctx, actor, c.req.valid('param').run, Number(c.req.valid('header')['last-event-id'] ?? 0), over.signal);
      const leave = watchers.enter(actor.sessionId);
      const end = () => over.abort();
      stopping.addEventListener('abort', end);
      const stop = () => {
        stopping.removeEventListener('abort', end);
        over.abort();
        leave();
      };
      const mayGoOn = () => !stopping.aborted && ctx.now() < untilMs && isSignedIn(ctx, actor);
      return c.newResponse(sseBody({ messages, stop, mayGoOn }), 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    });
}

function sseMessages(
  ctx: Context,
  actor: PersonActor,
  run: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<SseMessage, void, void> {
  const feed = watchRun(ctx, actor, run, after, signal);
  return (async function* () {
    for await (const entry of feed) yield { id: entry.seq, data: JSON.stringify(entry) };
  })();
}

/** A session that was revoked sees nothing more, even on a stream that was open before. */
function isSignedIn(ctx: Context, actor: PersonActor): boolean {
  try {
    readSessionActor(ctx, actor.personId, actor.sessionId, actor.address);
    return true;
  } catch {
    return false;
  }
}

function makeWatchers(): { enter(sessionId: string): () => void } {
  const open = new Map<string, number>();
  return {
    enter(sessionId) {
      const count = open.get(sessionId) ?? 0;
      if (count >= mostWatchers)
        throw new Fault('rate_limited', { message: `this session watches ${mostWatchers} runs already`, hint: 'close one first' });
      open.set(sessionId, count + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        const now = (open.get(sessionId) ?? 1) - 1;
        if (now === 0) open.delete(sessionId);
        else open.set(sessionId, now);
      };
    },
  };
}
