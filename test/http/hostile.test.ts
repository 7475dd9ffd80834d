import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, dumpOf, openApi, type Api } from '../support/http.ts';

let api: Api;
beforeEach(async () => {
  api = await openApi();
});
afterEach(() => api.close());

describe('a wrong body', () => {
  it('T71 is refused with its field, and leaves the record as it was', async () => {
    const before = dumpOf(api.ctx);
    const wrong: [unknown, number, string | undefined][] = [
      [{}, 422, '/name'],
      [{ name: 7 }, 422, '/name'],
      [{ name: 'Has Blanks' }, 422, '/name'],
      [{ name: 'kube-system' }, 422, '/name'],
      [{ name: 'kipper-x' }, 422, '/name'],
      [{ name: 'a'.repeat(41) }, 422, '/name'],
      [{ name: "x'; drop table projects; --" }, 422, '/name'],
      [{ name: 'good-name', organizationId: 'org_other' }, 422, '/organizationId'],
      [{ name: 'good-name', __proto__x: 1 }, 422, '/__proto__x'],
      [[], 422, undefined],
      ['null', 422, undefined],
      ['{"name":', 400, undefined],
      ['', 400, undefined],
    ];
    for (const [body, status, field] of wrong) {
      const answer = await api.call('POST', '/v1/projects', body, { 'content-type': 'application/json' });
      expect(answer.status, JSON.stringify(body)).toBe(status);
      expect(answer.json.field, JSON.stringify(body)).toBe(field);
      expect(answer.json.hint).toBeTruthy();
    }
    expect(dumpOf(api.ctx)).toBe(before);
  });

  it('of another content type is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const answer = await api.call('POST', '/v1/projects', '{"name":"shop"}', { 'content-type': type });
      expect(answer.status).toBe(400);
    }
    expect((await api.call('GET', '/v1/projects')).json.items).toEqual([]);
  });

  it('over 64 KiB is refused with 413, with and without a declared length', async () => {
    const long = JSON.stringify({ name: 'a'.repeat(70_000) });
    expect((await api.call('POST', '/v1/projects', long)).status).toBe(413);
    expect((await api.call('POST', '/v1/projects', long, { 'content-length': String(long.length) })).status).toBe(413);
    expect((await api.call('POST', '/v1/projects', '{}', { 'content-length': 'NaN' })).status).toBe(413);
    expect((await api.call('POST', '/v1/projects', long)).json).toMatchObject({ code: 'too_large' });
  });

  it('over 64 KiB in chunks is refused on a real socket, where every answer has its headers once', async () => {
    const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const status = await new Promise((resolve, reject) => {
        const outgoing = request(
          {
            port,
            method: 'POST',
            path: '/v1/projects',
            headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
          },
          (answer) => resolve(answer.statusCode),
        );
        outgoing.on('error', reject);
        for (let i = 0; i < 10; i += 1) outgoing.write('x'.repeat(10_000));
        outgoing.end();
      });
      expect(status).toBe(413);
      for (const path of ['/v1/me', '/docs', '/nowhere']) {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${api.token}` } });
        expect(answer.headers.get('x-content-type-options'), path).toBe('nosniff');
        expect(answer.headers.get('content-security-policy'), path).toMatch(
          path === '/docs' ? /style-src/ : /^default-src 'none'; frame-ancestors 'none'/,
        );
        expect(answer.headers.get('content-security-policy')).not.toContain(', ');
        await answer.text();
      }
    } finally {
      server.close();
    }
  });

  it('T24 never echoes a value', async () => {
    const answer = await api.call('POST', '/v1/sessions', {
      email: 'canary-7f3a@example.com',
      password: 'canary-pass-7f3a',
      token: 'canary-token-7f3a',
    });
    expect(answer.status).toBe(422);
    expect(answer.text).not.toContain('7f3a');
  });
});

describe('lists', () => {
  it('are paged by the id of the last item, and refuse a limit beyond 200', async () => {
    for (const name of ['aa', 'bb', 'cc']) {
      api.ctx.clock.nowMs += 1;
      expect((await api.call('POST', '/v1/projects', { name })).status).toBe(201);
    }
    const first = (await api.call('GET', '/v1/projects?limit=2')).json;
    expect(first.items.map((item: { name: string }) => item.name)).toEqual(['aa', 'bb']);
    const second = (await api.call('GET', `/v1/projects?limit=2&after=${first.next}`)).json;
    expect(second).toMatchObject({ items: [{ name: 'cc' }], next: null });
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1e9', 'sort=name'])
      expect((await api.call('GET', `/v1/projects?${query}`)).status, query).toBe(422);
  });

  it("show nothing of another organization's", async () => {
    await api.call('POST', '/v1/projects', { name: 'ours' });
    const other = await openApi();
    expect((await other.call('GET', '/v1/projects/ours')).status).toBe(404);
    const events = (await api.call('GET', '/v1/events?limit=5')).json;
    expect(events.items[0]).toMatchObject({ name: 'project.created', actor: { personId: api.actor.personId } });
    other.close();
  });
});

describe('another web site', () => {
  it('cannot make a browser write, whatever content type it sends', async () => {
    const before = dumpOf(api.ctx);
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'http://localhost:8700.evil.example' },
      { origin: 'http://localhost:8700', 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const answer = await api.call('POST', '/v1/projects', { name: 'shop' }, headers);
      expect(answer.status, JSON.stringify(headers)).toBe(403);
      expect(answer.json.reason).toBe('foreign_origin');
      expect((await api.call('DELETE', '/v1/sessions/current', undefined, headers)).status).toBe(403);
    }
    expect(dumpOf(api.ctx)).toBe(before);
    expect(
      (await api.call('POST', '/v1/projects', { name: 'shop' }, { origin: 'http://localhost:8700', 'sec-fetch-site': 'same-origin' }))
        .status,
    ).toBe(201);
  });

  it('is never told that it may read', async () => {
    const answer = await api.call('OPTIONS', '/v1/projects', undefined, {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    });
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('T41 the client address', () => {
  const wrongSignIn = (app: Api['app'], forwarded: string | undefined, peer: string) =>
    ask(app, 'POST', '/v1/sessions', { email: 'x' }, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, peer);

  it('is the peer without trusted proxies: a spoofed header does not move the limit', async () => {
    const own = await openApi({ limits: { stranger: 3 } });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await wrongSignIn(own.app, `198.51.100.${i}`, '203.0.113.1')).status);
    expect(statuses).toEqual([422, 422, 422, 429, 429, 429]);
    expect((await wrongSignIn(own.app, '203.0.113.1', '203.0.113.2')).status).toBe(422);
    own.close();
  });

  it('is taken N hops from the right behind N proxies; what a client put to the left counts for nothing', async () => {
    const own = await openApi({ limits: { stranger: 2 }, environment: { KIPPER_BEHIND_PROXY: '2' } });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await wrongSignIn(own.app, `10.9.9.${i}, 198.51.100.7, 10.0.0.2`, '10.0.0.1')).status);
    expect(statuses).toEqual([422, 422, 429, 429]);
    expect((await wrongSignIn(own.app, '198.51.100.8, 10.0.0.2', '10.0.0.1')).status).toBe(422);
    expect((await wrongSignIn(own.app, 'not-an-address, 10.0.0.2', '10.0.0.1')).status).toBe(422);
    own.close();
  });

  it('counts one IPv6 /64 as one client', async () => {
    const own = await openApi({ limits: { stranger: 2 } });
    const statuses: number[] = [];
    for (const peer of ['2001:db8:1:2::1', '2001:db8:1:2:aaaa::2', '2001:db8:1:2:ffff:1:2:3', '2001:db8:1:3::1'])
      statuses.push((await wrongSignIn(own.app, undefined, peer)).status);
    expect(statuses).toEqual([422, 422, 429, 422]);
    own.close();
  });
});

describe('a full disk', () => {
  it('refuses the write with 507, keeps reading, and says not ready', async () => {
    await api.call('POST', '/v1/projects', { name: 'before' });
    const pages = api.ctx.db.$client.pragma('page_count', { simple: true }) as number;
    api.ctx.db.$client.pragma(`max_page_count = ${pages}`);
    let full = 0;
    for (let i = 0; i < 400 && full === 0; i += 1) {
      const answer = await api.call('POST', '/v1/projects', { name: `p${String(i)}x` });
      if (answer.status === 507) full = 1;
      else expect(answer.status).toBe(201);
    }
    expect(full).toBe(1);
    const last = await api.call('GET', '/v1/projects?limit=200');
    expect(last.status).toBe(200);
    expect((await api.stranger('GET', '/healthz')).status).toBe(200);
  });
});
