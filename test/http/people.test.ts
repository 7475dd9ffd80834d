import { eq } from 'drizzle-orm';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { events, people, refreshTokens, sessions } from '../../services/db/tables.ts';
import { checkPassword, hashPassword } from '../../services/people/passwords.ts';
import { resetPassword } from '../../services/people/reset-password.ts';
import { dumpOf, openApi, type Api } from '../support/http.ts';

const password = 'correct horse battery';
const email = 'ada@example.com';
let api: Api;
let passwordHash: string;
beforeAll(async () => {
  passwordHash = await hashPassword(password);
});
beforeEach(async () => {
  api = await openApi({ limits: { signIn: 4 } });
  api.ctx.db.update(people).set({ email, passwordHash }).where(eq(people.id, api.actor.personId)).run();
});
afterEach(() => api.close());

const signIn = (given: Record<string, unknown> = {}) => api.stranger('POST', '/v1/sessions', { email, password, ...given });
const refresh = (refreshToken: string) => api.stranger('POST', '/v1/sessions/refresh', { refreshToken });
const me = (token: string) => api.call('GET', '/v1/me', undefined, { authorization: `Bearer ${token}` });

describe('signing in', () => {
  it('gives a short access token and a refresh token, in any spelling of the address; neither is in the record', async () => {
    const answer = await signIn({ email: ' Ada@Example.COM ' });
    expect(answer.status).toBe(201);
    expect(answer.json.accessTokenExpiresAtMs - api.ctx.now()).toBeLessThanOrEqual(15 * 60_000);
    expect((await me(answer.json.accessToken)).json.person.email).toBe(email);
    const dump = dumpOf(api.ctx);
    for (const secret of [answer.json.accessToken, answer.json.refreshToken, password]) expect(dump).not.toContain(secret);
  });

  it('refuses a wrong password, an unknown and a disabled person with the same words', async () => {
    const wrong = [await signIn({ password: 'not the password' }), await signIn({ email: 'nobody@example.com' })];
    api.ctx.db.update(people).set({ disabledAtMs: 1 }).where(eq(people.email, email)).run();
    wrong.push(await signIn());
    expect(wrong.map((answer) => answer.status)).toEqual([401, 401, 401]);
    expect(new Set(wrong.map((answer) => answer.text)).size).toBe(1);
  });

  it('T47 works as long for an account that does not exist', async () => {
    // Processor time, not the clock on the wall: this machine may be busy.
    const spent = async (hash: string | undefined) => {
      const before = process.cpuUsage();
      await checkPassword('some password', hash);
      const { user } = process.cpuUsage(before);
      return user;
    };
    const ratio = (await spent(undefined)) / (await spent(passwordHash));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  it('never compares beyond 72 bytes: a longer password is wrong, not cut', async () => {
    const full = 'x'.repeat(72);
    const hash = await hashPassword(full);
    expect(await checkPassword(full, hash)).toBe(true);
    expect(await checkPassword(`${full}y`, hash)).toBe(false);
    expect(await checkPassword('', undefined)).toBe(false);
  });

  it('is limited by account and address, on disk', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await signIn({ password: `guess ${i}` })).status);
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429]);
    const limited = await signIn();
    expect(limited.status).toBe(429);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(api.ctx.db.select().from(sessions).all()).toHaveLength(1);
  });

  it('T46 has no account to begin with', async () => {
    for (const [name, word] of [
      ['admin', 'admin'],
      ['admin@example.com', 'captain42'],
      ['root', ''],
    ])
      expect((await signIn({ email: name, password: word })).status).not.toBe(201);
  });
});

describe('the refresh token', () => {
  it('T48 is new each time, and the old one is worth nothing', async () => {
    const first = (await signIn()).json;
    const second = (await refresh(first.refreshToken)).json;
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.session.id).toBe(first.session.id);
    expect((await me(second.accessToken)).status).toBe(200);
  });

  it('used twice ends the session for both, and that is written', async () => {
    const first = (await signIn()).json;
    const second = (await refresh(first.refreshToken)).json;
    const reused = await refresh(first.refreshToken);
    expect(reused.status).toBe(401);
    expect(reused.json.reason).toBe('refresh_token_reused');
    expect((await refresh(second.refreshToken)).status).toBe(401);
    expect((await me(second.accessToken)).status).toBe(401);
    expect((await me(first.accessToken)).status).toBe(401);
    const written = api.ctx.db.select().from(events).where(eq(events.subject, first.session.id)).all();
    expect(written.map((event) => event.name)).toContain('session.revoked');
  });

  it('of 20 uses at once buys at most one session', async () => {
    const first = (await signIn()).json;
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(first.refreshToken)));
    expect(answers.filter((answer) => answer.status === 200).length).toBe(1);
  });

  it('is refused when unknown, and after 30 days without use', async () => {
    expect((await refresh('kpr_unknown')).status).toBe(401);
    const first = (await signIn()).json;
    api.ctx.clock.nowMs += 30 * 86_400_000 + 1;
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect(api.ctx.db.select().from(refreshTokens).all()).toHaveLength(1);
  });
});

describe('leaving', () => {
  it('signing out ends the session at once', async () => {
    const first = (await signIn()).json;
    const bearer = { authorization: `Bearer ${first.accessToken}` };
    expect((await api.call('DELETE', '/v1/sessions/current', undefined, bearer)).status).toBe(204);
    expect((await me(first.accessToken)).status).toBe(401);
    expect((await refresh(first.refreshToken)).status).toBe(401);
  });

  it('a reset password ends every session and is an Event', async () => {
    const first = (await signIn()).json;
    await expect(resetPassword(api.ctx, 'nobody@example.com', 'another password')).rejects.toMatchObject({ code: 'not_found' });
    await expect(resetPassword(api.ctx, email, 'short')).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await resetPassword(api.ctx, 'ADA@example.com', 'another password')).toBe(2);
    expect((await me(first.accessToken)).status).toBe(401);
    expect((await signIn()).status).toBe(401);
    expect((await signIn({ password: 'another password' })).status).toBe(201);
    expect(api.ctx.db.select().from(events).where(eq(events.name, 'person.password_reset')).all()).toHaveLength(1);
  });
});
