import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT, importJWK, type JWK } from 'jose';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { people, sessions } from '../../services/db/tables.ts';
import { currentKey, freshenSigningKey, keyAgeMs, keyGraceMs, listPublicKeys, rotateSigningKey } from '../../services/people/keys.ts';
import { issueAccessToken } from '../../services/people/tokens.ts';
import { openApi, type Api } from '../support/http.ts';

let api: Api;
beforeEach(async () => {
  api = await openApi();
});
afterEach(() => api.close());

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const withToken = (token: string) => api.call('GET', '/v1/me', undefined, { authorization: `Bearer ${token}` });

async function refused(token: string): Promise<void> {
  const answer = await withToken(token);
  expect(answer.status).toBe(401);
  expect(answer.json).toMatchObject({ code: 'not_signed_in', status: 401 });
  expect(answer.headers.get('www-authenticate')).toContain('Bearer');
}

/** A token signed with our real key, with some claims replaced. */
async function forged(change: {
  iss?: string;
  aud?: string;
  kid?: string;
  nbf?: number;
  exp?: number;
  sid?: string | null;
  sub?: string;
  typ?: string;
}): Promise<string> {
  const row = currentKey(api.ctx);
  if (row === undefined) throw new Error('no key');
  const jwk = JSON.parse(api.ctx.vault.open(row.privateSealed, { row: row.kid, field: 'private_sealed' }).toString()) as JWK;
  const now = Math.floor(api.ctx.now() / 1000);
  const jwt = new SignJWT(change.sid === null ? {} : { sid: change.sid ?? api.actor.sessionId })
    .setProtectedHeader({ alg: 'EdDSA', kid: change.kid ?? row.kid })
    .setIssuer(change.iss ?? api.ctx.config.url)
    .setAudience(change.aud ?? 'kipper')
    .setSubject(change.sub ?? api.actor.personId)
    .setIssuedAt(now)
    .setExpirationTime(change.exp ?? now + 900);
  if (change.nbf !== undefined) jwt.setNotBefore(change.nbf);
  return jwt.sign(await importJWK(jwk, 'EdDSA'));
}

describe('the access token', () => {
  it('opens the API, and says who it is', async () => {
    expect((await withToken(await forged({}))).json.person.id).toBe(api.actor.personId);
    expect((await api.call('GET', '/v1/me')).json.session.id).toBe(api.actor.sessionId);
  });

  it('is refused when expired, from the future, for others, of an unknown key or without a session', async () => {
    const now = Math.floor(api.ctx.now() / 1000);
    await refused(await forged({ exp: now - 1 }));
    await refused(await forged({ nbf: now + 60 }));
    await refused(await forged({ iss: 'https://elsewhere.example' }));
    await refused(await forged({ aud: 'another' }));
    await refused(await forged({ kid: 'key_unknown' }));
    await refused(await forged({ sid: null }));
    await refused(await forged({ sid: 'ses_unknown' }));
    await refused(await forged({ sub: 'per_somebody' }));
  });

  it('is refused with alg none, and with HS256 keyed by our public key', async () => {
    const row = currentKey(api.ctx);
    const now = Math.floor(api.ctx.now() / 1000);
    const claims = base64url({
      iss: api.ctx.config.url,
      aud: 'kipper',
      sub: api.actor.personId,
      sid: api.actor.sessionId,
      iat: now,
      exp: now + 900,
    });
    await refused(`${base64url({ alg: 'none', kid: row?.kid })}.${claims}.`);
    await refused(`${base64url({ alg: 'none', kid: row?.kid })}.${claims}.AAAA`);
    const head = `${base64url({ alg: 'HS256', kid: row?.kid })}.${claims}`;
    const publicJwk = JSON.parse(row?.publicJwk ?? '{}') as JWK;
    for (const secret of [row?.publicJwk ?? '', Buffer.from(publicJwk.x ?? '', 'base64url')])
      await refused(`${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`);
  });

  it('is refused when another key signed it under our kid, when it was changed, and at 10 KB', async () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const now = Math.floor(api.ctx.now() / 1000);
    const kid = currentKey(api.ctx)?.kid ?? '';
    await refused(
      await new SignJWT({ sid: api.actor.sessionId })
        .setProtectedHeader({ alg: 'EdDSA', kid })
        .setIssuer(api.ctx.config.url)
        .setAudience('kipper')
        .setSubject(api.actor.personId)
        .setIssuedAt(now)
        .setExpirationTime(now + 900)
        .sign(stranger),
    );
    const [head = '', , tail = ''] = api.token.split('.');
    await refused(
      `${head}.${base64url({ iss: api.ctx.config.url, aud: 'kipper', sub: 'per_other', sid: api.actor.sessionId, exp: now + 900 })}.${tail}`,
    );
    await refused(`${api.token}${'A'.repeat(10_000)}`);
    await refused('a.b.c');
    await refused('');
  });

  it('T55 in the URL is refused, even next to a good header', async () => {
    for (const name of ['token', 'access_token', 'jwt', 'TOKEN']) {
      expect((await api.stranger('GET', `/v1/me?${name}=${api.token}`)).status).toBe(401);
      const both = await api.call('GET', `/v1/me?x=1&${name}=${api.token}`);
      expect(both.status).toBe(401);
      expect(both.text).not.toContain(api.token);
    }
    expect((await api.stranger('GET', '/v1/me', undefined, { cookie: `token=${api.token}` })).status).toBe(401);
  });

  it('T25 holds no role: revoking, disabling and a new role count at the next request, though the token was seen before', async () => {
    expect((await api.call('GET', '/v1/me')).json.person.role).toBe('owner');
    expect(Buffer.from(api.token.split('.')[1] ?? '', 'base64url').toString()).not.toContain('owner');
    api.ctx.db.update(people).set({ role: 'member' }).where(eq(people.id, api.actor.personId)).run();
    expect((await api.call('GET', '/v1/me')).json.person.role).toBe('member');
    api.ctx.db.update(people).set({ disabledAtMs: 1 }).where(eq(people.id, api.actor.personId)).run();
    expect((await api.call('GET', '/v1/me')).status).toBe(401);
    api.ctx.db.update(people).set({ disabledAtMs: null }).where(eq(people.id, api.actor.personId)).run();
    api.ctx.db.update(sessions).set({ revokedAtMs: 1 }).where(eq(sessions.id, api.actor.sessionId)).run();
    expect((await api.call('GET', '/v1/me')).status).toBe(401);
  });

  it('expires after 15 minutes, remembered or not', async () => {
    expect((await api.call('GET', '/v1/me')).status).toBe(200);
    api.ctx.clock.nowMs += 15 * 60_000 + 1000;
    expect((await api.call('GET', '/v1/me')).status).toBe(401);
  });
});

describe('the signing key', () => {
  it('T48 is replaced by age: the old one opens its tokens for 15 minutes more, then nothing', async () => {
    const old = currentKey(api.ctx)?.kid;
    await freshenSigningKey(api.ctx);
    expect(currentKey(api.ctx)?.kid).toBe(old);
    api.ctx.clock.nowMs += keyAgeMs;
    api.ctx.db
      .update(sessions)
      .set({ expiresAtMs: api.ctx.now() * 2 })
      .run();
    const { token } = await issueAccessToken(api.ctx, api.actor.personId, api.actor.sessionId);
    await freshenSigningKey(api.ctx);
    expect(currentKey(api.ctx)?.kid).not.toBe(old);
    expect((await withToken(token)).status).toBe(200);
    expect(listPublicKeys(api.ctx).keys.map((key) => key.kid)).toContain(old);
    api.ctx.clock.nowMs += keyGraceMs;
    await refused(token);
    expect(listPublicKeys(api.ctx).keys.map((key) => key.kid)).not.toContain(old);
  });

  it('T23 shows its public half only, and is sealed in the record', async () => {
    await rotateSigningKey(api.ctx, { kind: 'system', job: 'test' });
    const answer = await api.stranger('GET', '/.well-known/jwks.json');
    expect(answer.status).toBe(200);
    expect(answer.json.keys).toHaveLength(2);
    for (const key of answer.json.keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    const row = currentKey(api.ctx);
    expect(row?.privateSealed.toString('latin1')).not.toContain('"d"');
  });
});
