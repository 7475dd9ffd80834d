import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { environments, organizations, people, projects, setupLinks } from '../../services/db/tables.ts';
import { makeApp } from '../../services/http/app.ts';
import { makeSetupLink, setupLinkMs } from '../../services/people/setup.ts';
import { ask, dumpOf } from '../support/http.ts';
import { newContext, type TestContext } from '../support/record.ts';

let ctx: TestContext;
let app: ReturnType<typeof makeApp>;
let path: string;
beforeEach(() => {
  ctx = newContext();
  app = makeApp(ctx);
  path = new URL(makeSetupLink(ctx).url.reveal()).pathname;
});
afterEach(() => ctx.close());

const wish = { organization: 'Analytical <b>Engines</b>', email: 'Ada@Example.com', password: 'correct horse battery' };
const post = (fields: Record<string, string>, at = path, headers: Record<string, string> = {}) =>
  ask(app, 'POST', at, new URLSearchParams(fields).toString(), { 'content-type': 'application/x-www-form-urlencoded', ...headers });
const get = (at = path) => ask(app, 'GET', at, undefined, {});

describe('T45 the setup link', () => {
  it('shows a form without script and changes nothing; POST makes the organization and its first owner, once', async () => {
    const before = dumpOf(ctx);
    const form = await get();
    expect(form.status).toBe(200);
    expect(form.text).toContain('<form method="post">');
    expect(form.text).not.toMatch(/<script|javascript:|\son\w+=/i);
    expect(form.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(dumpOf(ctx)).toBe(before);

    const done = await post(wish);
    expect(done.status).toBe(201);
    expect(done.text).toContain('kip login --url http://localhost:8700 --email ada@example.com');
    expect(ctx.db.select().from(organizations).all()).toMatchObject([{ name: wish.organization }]);
    expect(ctx.db.select().from(people).all()).toMatchObject([{ email: 'ada@example.com', role: 'owner' }]);
    expect(ctx.db.select().from(projects).all()).toMatchObject([{ name: 'default' }]);
    expect(ctx.db.select().from(environments).all()).toMatchObject([{ name: 'production' }]);

    expect((await post({ ...wish, email: 'eve@example.com' })).status).toBe(404);
    expect((await get()).status).toBe(404);
    expect(ctx.db.select().from(people).all()).toHaveLength(1);
    const signedIn = await ask(app, 'POST', '/v1/sessions', { email: wish.email, password: wish.password }, {});
    expect(signedIn.status).toBe(201);
  });

  it('of 10 posts at once makes one owner', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => post({ ...wish, email: `p${i}@example.com` })));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 404)).toHaveLength(9);
    expect(ctx.db.select().from(people).all()).toHaveLength(1);
  });

  it('T71 is not spent by wrong input: the form comes back, escaped, with what is wrong and without the password', async () => {
    const before = dumpOf(ctx);
    for (const wrong of [
      { password: 'short' },
      { password: 'é'.repeat(40) },
      { email: 'no-address' },
      { organization: ' ' },
      { role: 'owner' },
    ]) {
      const answer = await post({ ...wish, ...wrong } as Record<string, string>);
      expect(answer.status, JSON.stringify(wrong)).toBe(422);
      expect(answer.text).toContain('role="alert"');
      expect(answer.text).not.toContain('<b>');
      expect(answer.text).not.toContain('correct horse');
    }
    expect(dumpOf(ctx)).toBe(before);
    expect((await post(wish)).status).toBe(201);
  });

  it('works for 30 minutes, and only the newest; an unknown one is 404', async () => {
    const newer = new URL(makeSetupLink(ctx).url.reveal()).pathname;
    expect(newer).not.toBe(path);
    expect((await post(wish)).status).toBe(404);
    expect((await get('/setup/kps_unknown')).status).toBe(404);
    expect((await get('/setup/')).status).toBe(404);
    ctx.clock.nowMs += setupLinkMs;
    expect((await post(wish, newer)).status).toBe(404);
    expect(ctx.db.select().from(people).all()).toEqual([]);
  });

  it('is not made once a person exists: the Fault names the way back in', async () => {
    await post(wish);
    expect(() => makeSetupLink(ctx)).toThrow(
      expect.objectContaining({ code: 'conflict', hint: expect.stringContaining('kipper admin reset-password EMAIL') }),
    );
  });

  it('is refused from another site and with another content type, and guessing is limited', async () => {
    expect((await post(wish, path, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(wish, path, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask(app, 'POST', path, JSON.stringify(wish), { 'content-type': 'application/json' })).status).toBe(400);
    const statuses: number[] = [];
    for (let i = 0; i < 25; i += 1) statuses.push((await get(`/setup/kps_guess${i}`)).status);
    expect(statuses.at(-1)).toBe(429);
    expect(ctx.db.select().from(people).all()).toEqual([]);
  });

  it('T42 points to the configured address, whatever Host says', async () => {
    const done = await post(wish, path, { host: 'evil.example', 'x-forwarded-host': 'evil.example' });
    expect(done.status).toBe(201);
    expect(done.text).not.toContain('evil.example');
  });

  it('is kept as a digest only', () => {
    const token = path.split('/').at(-1) ?? '';
    expect(dumpOf(ctx)).not.toContain(token);
    expect(ctx.db.select().from(setupLinks).all()).toHaveLength(1);
  });
});
