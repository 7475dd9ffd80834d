import { Writable } from 'node:stream';
import { pino, type Logger } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../services/log.ts';
import { makeSetupLink } from '../../services/people/setup.ts';
import { hashPassword } from '../../services/people/passwords.ts';
import { people } from '../../services/db/tables.ts';
import { openApi } from '../support/http.ts';

const toLog = (sink: Logger): Log => ({
  debug: (text, fields) => sink.debug(fields, text),
  info: (text, fields) => sink.info(fields, text),
  warn: (text, fields) => sink.warn(fields, text),
  error: (text, fields) => sink.error(fields, text),
});

describe('the access log', () => {
  it('T73 holds no token, no password, no setup path, no query and no words of a body', async () => {
    let log = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    const api = await openApi({ log: toLog(pino({ level: 'trace' }, sink)) });
    const link = await openApi();
    link.ctx.db.$client.exec('pragma foreign_keys = off; delete from sessions; delete from people');
    const setupPath = new URL(makeSetupLink(link.ctx).url.reveal()).pathname;
    link.close();
    api.ctx.db
      .update(people)
      .set({ email: 'ada@example.com', passwordHash: await hashPassword('canary-password-1') })
      .run();
    const signedIn = await api.stranger('POST', '/v1/sessions', { email: 'ada@example.com', password: 'canary-password-1' });
    await api.call('GET', setupPath);
    await api.call('GET', '/v1/projects?limit=1&canary-query=1');
    await api.call('GET', `/v1/projects?token=${api.token}`);
    await api.call('GET', '/canary-path/unknown');
    await api.call('POST', '/v1/projects', { name: 'canary-body' }, { 'idempotency-key': 'canary-key' });
    await api.stranger('POST', '/v1/sessions/refresh', { refreshToken: signedIn.json.refreshToken });
    expect(log).toContain('"route":"/setup/:token"');
    expect(log).toContain('"route":"/v1/projects"');
    expect(log).toContain('"address":"203.0.113.9"');
    expect(log).toContain('"status":201');
    expect(log).not.toMatch(/canary|kps_|kpr_|eyJ/);
    for (const secret of [api.token, signedIn.json.refreshToken, signedIn.json.accessToken, setupPath]) expect(log).not.toContain(secret);
    api.close();
  });

  it('T24 tells the cause of an unexpected error to the log, and nothing of it to the client', async () => {
    let log = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    const api = await openApi({ log: toLog(pino(sink)) });
    api.ctx.db.$client.exec('drop table environments');
    const answer = await api.call('POST', '/v1/projects/x/environments', { name: 'a' });
    expect(answer.status).toBe(404);
    await api.call('POST', '/v1/projects', { name: 'shop' });
    const broken = await api.call('GET', '/v1/projects/shop/environments');
    expect(broken.status).toBe(500);
    expect(broken.json.detail).toBe('something went wrong inside Kipper');
    expect(broken.text).not.toMatch(/environments"|no such table|sqlite/i);
    expect(log).toContain('no such table');
    api.close();
  });
});
