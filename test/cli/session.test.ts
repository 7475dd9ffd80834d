import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { X509Certificate, createHash } from 'node:crypto';
import { isNotNull } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refreshTokens, sessions } from '../../services/db/tables.ts';
import { makeCertificate } from '../bootstrap/plane.ts';
import { kip, newFolder, openPlane, readState, start, writeState, type Plane } from './kip.ts';

describe('the session', () => {
  let plane: Plane;
  beforeAll(async () => {
    plane = await openPlane();
  });
  afterAll(() => plane.close());

  it('is renewed once by several kips at the same time: no refresh token is spent twice', async () => {
    const dir = plane.signedIn();
    const before = readState(dir);
    const expired = { ...before, accessUntilMs: Date.now() - 1 };
    writeState(dir, expired);
    const said = await Promise.all([1, 2, 3, 4].map(() => kip(dir, ['whoami', '--quiet'])));
    expect(said.map((one) => one.exit)).toEqual([0, 0, 0, 0]);
    expect(plane.seen.filter((request) => request === 'POST /v1/sessions/refresh')).toHaveLength(1);
    expect(plane.ctx.db.select().from(sessions).where(isNotNull(sessions.revokedAtMs)).all()).toEqual([]);
    expect(plane.ctx.db.select().from(refreshTokens).all()).toHaveLength(2);
    expect(readState(dir)['refreshToken']).not.toBe(before['refreshToken']);

    // The next ones go on from there: a lock that a killed kip left behind is no obstacle, an access token that is refused is renewed.
    writeState(dir, { ...readState(dir), accessToken: 'ey.not.one', accessUntilMs: Date.now() + 600_000 });
    const dead = await start(dir, ['--version']);
    await dead.done;
    writeFileSync(join(dir, 'kip.json.lock'), String(dead.child.pid));
    expect(await kip(dir, ['whoami'])).toMatchObject({ exit: 0 });

    // Whoever spends a spent token ends the session, and is told the next step.
    writeState(dir, expired);
    const reused = await kip(dir, ['whoami']);
    expect(reused).toMatchObject({ exit: 3, stdout: '' });
    expect(reused.stderr).toMatch(/your session has ended\n\s+kip login/);
  });

  it('says so when its file is damaged', async () => {
    const dir = plane.signedIn();
    writeState(dir, { url: 7 });
    const said = await kip(dir, ['whoami']);
    expect(said.exit).toBe(2);
    expect(said.stderr).toMatch(/kip\.json is damaged\n\s+remove it and run kip login/);
  });
});

describe('a control plane with a certificate of its own', () => {
  let server: Server;
  let url: string;
  let pin: string;
  let bytes = 0;
  const dir = newFolder();
  beforeAll(async () => {
    const { certFile, keyFile } = makeCertificate(dir);
    const cert = readFileSync(certFile);
    const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
    pin = `sha256//${createHash('sha256').update(key).digest('base64')}`;
    server = createServer({ cert, key: readFileSync(keyFile) }, (socket) => {
      let text = '';
      socket
        .on('error', () => undefined)
        .on('data', (part) => {
          bytes += part.length;
          text += part.toString();
          const body = text.startsWith('GET')
            ? '{}'
            : JSON.stringify({ person: { email: 'a@b.c' }, session: {}, accessToken: 'a', refreshToken: 'r', accessTokenExpiresAtMs: 1 });
          if (text.startsWith('GET') || text.includes('secret words'))
            socket.end(
              `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
            );
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });
  const login = (...more: string[]) =>
    kip(dir, ['login', '--url', url, '--email', 'a@b.c', '--password-stdin', ...more], { input: 'secret words\n' });

  it('T68 is refused before a byte is sent when its key is not the pinned one, or nobody vouches for it', async () => {
    const wrong = await login('--pin', `sha256//${'A'.repeat(43)}=`);
    expect(wrong.exit).toBe(4);
    expect(wrong.stderr).toContain(`shows another key than the pinned one (${pin} instead of sha256//AAAA`);
    const none = await login();
    expect(none.exit).toBe(8);
    expect(none.stderr).toMatch(/a certificate of its own[\s\S]*--pin/);
    expect(bytes).toBe(0);
  });

  it('is taken by its pin alone, which is remembered', async () => {
    expect(await login('--pin', pin)).toMatchObject({ exit: 0 });
    expect(bytes).toBeGreaterThan(0);
    expect(readState(dir)).toMatchObject({ url, pin });
    const clear = await kip(dir, ['login', 'http://127.0.0.1:1', '--pin', pin]);
    expect(clear).toMatchObject({ exit: 2 });
  });
});
