import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workers } from '../../../services/db/tables.ts';
import { identifyWorker } from '../../../services/fleet/identify.ts';
import { newContext, type TestContext } from '../../support/record.ts';

let ctx: TestContext;
let folder: string;
beforeEach(() => {
  ctx = newContext();
  folder = join(ctx.config.dataDir, 'workers');
  mkdirSync(folder, { recursive: true });
});
afterEach(() => ctx.close());

const pair = (): { publicKey: string; key: KeyObject } => {
  const made = generateKeyPairSync('ed25519');
  return { publicKey: made.publicKey.export({ format: 'jwk' }).x ?? '', key: made.privateKey };
};
const claimOf = (issuer: string, key: KeyObject): Promise<string> => {
  const nowS = Math.floor(ctx.now() / 1000);
  return new SignJWT({ jti: String(Math.random()) })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer(issuer)
    .setSubject('run_1')
    .setAudience('kipper-run')
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + 30)
    .sign(key);
};
const registered = (): string[] =>
  ctx.db
    .select()
    .from(workers)
    .all()
    .map((each) => each.name);

test('a worker with a key file is registered by its first signed claim', async () => {
  const { publicKey, key } = pair();
  writeFileSync(join(folder, 'far.pub'), `${publicKey}\n`);
  expect(await identifyWorker(ctx, await claimOf(publicKey, key), 'run_1')).toMatchObject({ name: 'far', local: false });
});

test('a claim that only names a key, and is not signed by it, registers nobody', async () => {
  const { publicKey } = pair();
  writeFileSync(join(folder, 'far.pub'), `${publicKey}\n`);
  await expect(identifyWorker(ctx, await claimOf(publicKey, pair().key), 'run_1')).rejects.toMatchObject({ reason: 'claim_refused' });
  await expect(identifyWorker(ctx, await claimOf('_'.repeat(43), pair().key), 'run_1')).rejects.toMatchObject({ reason: 'claim_refused' });
  expect(registered()).toEqual([]);
});

test('a file that is no key, or a folder of that name, is passed over', async () => {
  const { publicKey, key } = pair();
  mkdirSync(join(folder, 'a.pub'));
  writeFileSync(join(folder, 'b.pub'), `${publicKey}${' '.repeat(5_000)}`);
  await expect(identifyWorker(ctx, await claimOf(publicKey, key), 'run_1')).rejects.toMatchObject({ reason: 'worker_unknown' });
});
