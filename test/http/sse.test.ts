import { connect, type AddressInfo, type Socket } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runs, sessions } from '../../services/db/tables.ts';
import { sseBody, type SseMessage } from '../../services/http/sse.ts';
import { wakeWatchers, writeFeed } from '../../services/runs/feed.ts';
import { queueRun } from '../../services/schedule.ts';
import { openApi, type Api } from '../support/http.ts';
import { seedServer } from '../support/record.ts';

let api: Api;
let runId: string;
let stopping: AbortController;
beforeEach(async () => {
  stopping = new AbortController();
  api = await openApi({ stopping: stopping.signal });
  const server = seedServer(api.ctx, api.actor);
  runId = queueRun(api.ctx, api.actor, {
    organizationId: api.actor.organizationId,
    kind: 'audit',
    serverId: server.id,
    input: {},
    timeoutMs: 60_000,
  }).id;
});
afterEach(() => {
  stopping.abort();
  api.close();
});

const note = (text: string) => {
  writeFeed(api.ctx, runId, [{ type: 'note', text }]);
  wakeWatchers(runId);
};
const settle = () => {
  api.ctx.db.update(runs).set({ state: 'succeeded', settledAtMs: api.ctx.now() }).where(eq(runs.id, runId)).run();
  wakeWatchers(runId);
};
const watch = (headers: Record<string, string> = {}) => api.call('GET', `/v1/runs/${runId}/events`, undefined, headers);
const idsOf = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));

describe('GET /v1/runs/:id/events', () => {
  it('streams what happened and what happens, and ends when the run has settled', async () => {
    note('one');
    const answer = watch();
    setTimeout(() => note('two'), 50);
    setTimeout(settle, 100);
    const { status, headers, text } = await answer;
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(text).toContain('"text":"one"');
    expect(text).toContain('"text":"two"');
    expect(idsOf(text)).toEqual([1, 2]);
  });

  it('resumes after Last-Event-ID, without a gap and without a repetition', async () => {
    for (let i = 1; i <= 250; i += 1) note(`n${i}`);
    settle();
    expect(idsOf((await watch({ 'last-event-id': '240' })).text)).toEqual([241, 242, 243, 244, 245, 246, 247, 248, 249, 250]);
    expect(idsOf((await watch()).text)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    expect((await watch({ 'last-event-id': '1; drop' })).status).toBe(422);
  });

  it("is not there for another organization's run", async () => {
    const other = await openApi();
    expect((await other.call('GET', `/v1/runs/${runId}/events`)).status).toBe(404);
    other.close();
  });

  it('ends when the session is revoked, at sign-out time and not a message later', async () => {
    const answer = watch();
    setTimeout(() => {
      api.ctx.db.update(sessions).set({ revokedAtMs: 1 }).run();
      note('after the end');
    }, 50);
    expect((await answer).text).not.toContain('after the end');
  });

  it('ends when the control plane stops', async () => {
    const answer = watch();
    setTimeout(() => stopping.abort(), 50);
    expect((await answer).status).toBe(200);
  });

  it('lets one session hold 20 streams, not more, and counts those that were left', async () => {
    const open = await Promise.all(
      Array.from({ length: 20 }, () => api.app.request(`/v1/runs/${runId}/events`, { headers: { authorization: `Bearer ${api.token}` } })),
    );
    expect((await watch()).status).toBe(429);
    await Promise.all(open.map((answer) => answer.body?.cancel()));
    settle();
    expect((await watch()).status).toBe(200);
  });
});

describe('a reader that stalls', () => {
  const listen = async (fetch: (request: Request) => Response): Promise<{ server: ServerType; socket: Socket }> => {
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    return { server, socket };
  };

  it('takes no more from the record than the socket holds, and is let go', async () => {
    let taken = 0;
    let stopped = 0;
    async function* endless(): AsyncGenerator<SseMessage, void, void> {
      for (;;) {
        taken += 1;
        yield { id: taken, data: 'x'.repeat(64 * 1024) };
      }
    }
    const { server, socket } = await listen(
      () =>
        new Response(
          sseBody({
            messages: endless(),
            stop: () => {
              stopped += 1;
            },
            mayGoOn: () => stopped === 0,
            stallMs: 300,
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    );
    const closed = new Promise((resolve) => server.once('connection', (peer) => peer.once('close', resolve)));
    await closed;
    expect(stopped).toBe(1);
    const megabytes = (taken * 64) / 1024;
    expect(megabytes).toBeLessThan(32);
    const before = taken;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(taken).toBe(before);
    socket.destroy();
    server.close();
  });

  it('of a quiet run gets a comment now and then, so that proxies keep the stream', async () => {
    let stop = () => {};
    async function* quiet(): AsyncGenerator<SseMessage, void, void> {
      await new Promise<void>((resolve) => {
        stop = resolve;
      });
      yield* [];
    }
    const body = sseBody({ messages: quiet(), stop: () => stop(), mayGoOn: () => true, quietMs: 20 });
    const reader = body.getReader();
    const seen: string[] = [];
    for (let i = 0; i < 3; i += 1) seen.push(new TextDecoder().decode((await reader.read()).value));
    expect(seen).toEqual(['retry: 2000\n\n', ': \n\n', ': \n\n']);
    await reader.cancel();
  });
});
