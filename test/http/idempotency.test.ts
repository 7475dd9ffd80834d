import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idempotencyKeys, projects, sessions } from '../../services/db/tables.ts';
import { recordOf, replayOf } from '../../services/http/replay.ts';
import { issueAccessToken } from '../../services/people/tokens.ts';
import { openApi, type Api } from '../support/http.ts';

let api: Api;
beforeEach(async () => {
  api = await openApi();
});
afterEach(() => api.close());

const key = (value: string) => ({ 'idempotency-key': value });
const count = () => api.ctx.db.select().from(projects).all().length;

describe('Idempotency-Key', () => {
  it('answers the second of the same with what the first made, and makes nothing', async () => {
    const first = await api.call('POST', '/v1/projects', { name: 'shop' }, key('k1'));
    const second = await api.call('POST', '/v1/projects', { name: 'shop' }, key('k1'));
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json).toEqual(first.json);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(count()).toBe(1);
  });

  it('refuses the same key with another body (422), and knows a key by actor and route', async () => {
    await api.call('POST', '/v1/projects', { name: 'shop' }, key('k1'));
    const other = await api.call('POST', '/v1/projects', { name: 'other' }, key('k1'));
    expect(other.status).toBe(422);
    expect(other.json.field).toBe('Idempotency-Key');
    expect((await api.call('POST', '/v1/projects/shop/environments', { name: 'shop' }, key('k1'))).status).toBe(201);
    expect(count()).toBe(1);
  });

  it('refuses while the first is in flight (409), of 20 at once one makes it', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.call('POST', '/v1/projects', { name: 'shop' }, key('k2'))));
    const statuses = answers.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    expect(count()).toBe(1);
  });

  it('says that the outcome is not known when Kipper died in between', async () => {
    await api.call('POST', '/v1/projects', { name: 'shop' }, key('k3'));
    api.ctx.db.update(idempotencyKeys).set({ status: null, resource: null }).run();
    expect((await api.call('POST', '/v1/projects', { name: 'shop' }, key('k3'))).json).toMatchObject({
      status: 409,
      reason: 'outcome_unknown',
    });
  });

  it('keeps no refusal: the same key may try again', async () => {
    await api.call('POST', '/v1/projects', { name: 'shop' });
    expect((await api.call('POST', '/v1/projects', { name: 'shop' }, key('k4'))).status).toBe(409);
    api.ctx.db.delete(projects).run();
    expect((await api.call('POST', '/v1/projects', { name: 'shop' }, key('k4'))).status).toBe(201);
  });

  it('forgets after 24 hours', async () => {
    await api.call('POST', '/v1/projects', { name: 'shop' }, key('k5'));
    api.ctx.clock.nowMs += 24 * 3_600_000 - 60_000;
    api.ctx.db
      .update(sessions)
      .set({ expiresAtMs: api.ctx.now() * 2 })
      .run();
    const later = async () => ({
      ...key('k5'),
      authorization: `Bearer ${(await issueAccessToken(api.ctx, api.actor.personId, api.actor.sessionId)).token}`,
    });
    expect((await api.call('POST', '/v1/projects', { name: 'shop' }, await later())).status).toBe(201);
    api.ctx.clock.nowMs += 60_001;
    expect((await api.call('POST', '/v1/projects', { name: 'shop' }, await later())).status).toBe(409);
  });

  it('refuses a key that is no key', async () => {
    for (const wrong of ['', 'a b', 'x'.repeat(201)])
      expect((await api.call('POST', '/v1/projects', { name: 'ok' }, key(wrong))).status).toBe(422);
    expect(count()).toBe(0);
  });

  it('T24 keeps ids and names of members only: an answer that carried a secret comes again without it, and says so', async () => {
    const answer = new Response(
      JSON.stringify({ server: { id: 'srv_1', name: 'a' }, enrolment: { id: 'enr_1', line: 'KIPPER_TOKEN=canary-9d2' } }),
      { headers: { 'content-type': 'application/json' } },
    );
    const record = await recordOf(answer);
    expect(JSON.stringify(record)).not.toContain('canary');
    expect(record).toEqual({ ids: { server: 'srv_1', enrolment: 'enr_1' }, members: ['server', 'enrolment'] });
    api.app.get('/replay-probe', (c) =>
      replayOf(c, 201, JSON.stringify(record), () => new Response(JSON.stringify({ id: 'srv_1', name: 'a' }))),
    );
    const again = await api.call('GET', '/replay-probe');
    expect(again.status).toBe(201);
    expect(again.json).toEqual({
      server: { id: 'srv_1', name: 'a' },
      withheld: { members: ['enrolment'], why: expect.stringContaining('does not come twice') },
    });
  });
});
