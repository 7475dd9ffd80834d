import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownCertificate } from '../../bin/certificate.ts';
import { freePort } from '../support/house.ts';
import { childrenOf, Commands } from '../support/up.ts';

/** One `bin/up --public` whose Redis is somebody else's and not there yet. */
const commands = new Commands();
let origin = '';
let runOrigin = '';
let redisPort = 0;
let parent: ReturnType<Commands['start']>;
const ended: (() => void)[] = [];

beforeAll(async () => {
  const [port, runPort] = [await freePort(), await freePort()];
  redisPort = await freePort();
  origin = `https://127.0.0.1:${port}`;
  runOrigin = `https://127.0.0.1:${runPort}`;
  parent = commands.start('bin/up', ['--data', commands.data, '--public', origin], {
    KIPPER_REDIS_URL: `redis://:secret-of-redis@127.0.0.1:${redisPort}/3`,
    KIPPER_RUN_LISTEN: `127.0.0.1:${runPort}`,
  });
  await commands.until(() => commands.log.includes('/setup/kps_'));
}, 120_000);
afterAll(() => {
  for (const end of ended) end();
  commands.close();
});

const pin = () => /its pin is (\S+)/.exec(commands.log)?.[1] ?? 'none';
const curl = (pinned: string, path: string, ...words: string[]) =>
  commands.once('curl', ['-sk', '--pinnedpubkey', pinned, ...words, path.startsWith('/') ? origin + path : path]);
const readiness = async (pinned = pin()) => JSON.parse((await curl(pinned, '/readyz')).stdout) as { status: string; redis: string };

describe('bin/up --public', () => {
  test('serves TLS with a certificate of its own; curl takes the printed pin and refuses another', async () => {
    expect(commands.log).toContain(`${origin}/setup/kps_`);
    expect(await curl(pin(), '/healthz')).toMatchObject({ code: 0, stdout: '{"status":"ok"}' });
    const other = `sha256//${Buffer.alloc(32, 1).toString('base64')}`;
    expect((await curl(other, '/healthz')).code).toBe(90);
  }, 120_000);

  test('the run API is on KIPPER_RUN_LISTEN with TLS, and not on the public address', async () => {
    const ask = [
      '-X',
      'POST',
      '-H',
      'content-type: application/json',
      '-d',
      '{"runId":"run_00000000000000000000000000"}',
      '-w',
      ' %{http_code}',
    ];
    expect((await curl(pin(), `${runOrigin}/run/claim`, ...ask)).stdout).toMatch(/"not_signed_in".* 401$/);
    expect((await curl(pin(), '/run/claim', ...ask)).stdout).toMatch(/ 404$/);
  }, 120_000);

  test('KIPPER_REDIS_URL is used: no Redis is started, one that is away is said, one that comes is taken', async () => {
    expect(childrenOf(parent.pid ?? 0)).toHaveLength(2);
    expect(await readiness()).toEqual({ status: 'ready', record: 'writable', redis: 'down' });
    const redis = spawn(
      'redis-server',
      ['--port', String(redisPort), '--bind', '127.0.0.1', '--requirepass', 'secret-of-redis', '--save', '', '--dir', commands.dir],
      { stdio: 'ignore' },
    );
    ended.push(() => redis.kill('SIGKILL'));
    await commands.until(async () => (await readiness()).redis === 'up');
    expect(commands.log).not.toContain('secret-of-redis');
  }, 240_000);

  test('a changed certificate is taken without a restart, and a broken one leaves the one before', async () => {
    const files = { cert: join(commands.data, 'tls/127.0.0.1.crt'), key: join(commands.data, 'tls/127.0.0.1.key') };
    const before = pin();
    mkdirSync(join(commands.dir, 'renewed'));
    const renewed = ownCertificate(join(commands.dir, 'renewed'), '127.0.0.1');
    renameSync(renewed.keyFile, files.key);
    renameSync(renewed.certFile, files.cert);
    await commands.until(async () => (await curl(renewed.pin, '/healthz')).code === 0);
    expect((await curl(before, '/healthz')).code).toBe(90);
    commands.log = '';
    writeFileSync(files.cert, 'not a certificate');
    await commands.until(() => commands.log.includes('the new certificate cannot be used'));
    expect((await curl(renewed.pin, '/healthz')).code).toBe(0);
  }, 240_000);

  test('ends with 0 when it is told to', async () => {
    expect(await commands.stop(parent)).toBe(0);
  }, 120_000);
});

test('KIPPER_RUN_LISTEN without TLS is refused with a sentence', async () => {
  const environment = {
    KIPPER_DATA: join(commands.dir, 'plain'),
    KIPPER_RUN_LISTEN: '127.0.0.1:1',
    KIPPER_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  expect(await commands.once('bin/kipper', ['serve'], environment)).toMatchObject({
    code: 2,
    stderr: 'kipper: KIPPER_RUN_LISTEN needs TLS; set KIPPER_TLS_CERT and KIPPER_TLS_KEY\n',
  });
}, 120_000);
