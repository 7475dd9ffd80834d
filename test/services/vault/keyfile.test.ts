import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../../services/config.ts';
import * as tables from '../../../services/db/tables.ts';
import { freshenSigningKey, currentKey } from '../../../services/people/keys.ts';
import { openBeside, openRecord } from '../../../services/record.ts';
import { issueToken } from '../../../services/runs/token.ts';
import { swapKeyFiles } from '../../../services/vault/keyfile.ts';
import { rotateKey, sealedColumns } from '../../../services/vault/rotate.ts';
import { makeServerKey, openServerKey } from '../../../services/vault/serverkey.ts';
import { seedPerson, seedServer } from '../../support/record.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kipper-key-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const config = () => readConfig({ KIPPER_DATA: join(dir, 'data') });
const start = () => openRecord(config(), () => {});
const keyFile = () => join(dir, 'data.key');
const startOnce = async () => (await start()).close();

describe('the key file', () => {
  test('is made beside the data folder, 0600, only where no database exists', async () => {
    await startOnce();
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'data')).mode & 0o777).toBe(0o700);
    expect(Buffer.from(readFileSync(keyFile(), 'utf8').trim(), 'base64url')).toHaveLength(32);
  });

  test('T37 missing beside a database refuses to start, and no new one is made', async () => {
    await startOnce();
    renameSync(keyFile(), `${keyFile()}.away`);
    await expect(start()).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('is missing') as string });
    expect(existsSync(keyFile())).toBe(false);
    renameSync(`${keyFile()}.away`, keyFile());
    await startOnce();
  });

  test('T37 another, a short, a known or a readable key refuses to start with a sentence', async () => {
    await startOnce();
    const right = readFileSync(keyFile());
    const wrong: [string, RegExp][] = [
      [Buffer.from(Array.from({ length: 32 }, (_, n) => n * 7)).toString('base64url'), /not the one/],
      [Buffer.alloc(16, 3).toString('base64url'), /32 bytes/],
      ['', /32 bytes/],
      [Buffer.from('kipperkipperkipperkipperkipperki').toString('base64url'), /not random/],
      [Buffer.alloc(32).toString('base64url'), /not random/],
    ];
    for (const [text, words] of wrong) {
      writeFileSync(keyFile(), text);
      await expect(start()).rejects.toMatchObject({ field: 'KIPPER_KEY_FILE', message: expect.stringMatching(words) as string });
    }
    writeFileSync(keyFile(), right);
    chmodSync(keyFile(), 0o640);
    await expect(start()).rejects.toMatchObject({ hint: `chmod 600 ${keyFile()}` });
    chmodSync(keyFile(), 0o600);
    await startOnce();
  });

  test('two control planes on one data folder: the second is refused, and the first goes on', async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('another Kipper') as string });
    expect(first.ctx.db.select().from(tables.meta).all()).not.toEqual([]);
    first.close();
    await startOnce();
  });
});

test('the exchange of key files leaves a key in place at every moment, the old one beside it', () => {
  writeFileSync(keyFile(), 'old', { mode: 0o600 });
  expect(() => swapKeyFiles(keyFile())).toThrow(/ENOENT/);
  expect(readFileSync(keyFile(), 'utf8')).toBe('old');
  writeFileSync(`${keyFile()}.new`, 'new', { mode: 0o600 });
  swapKeyFiles(keyFile());
  expect([readFileSync(keyFile(), 'utf8'), readFileSync(`${keyFile()}.old`, 'utf8')]).toEqual(['new', 'old']);
  expect(statSync(`${keyFile()}.old`).mode & 0o777).toBe(0o600);
});

describe('kipper keys rotate', () => {
  const seeded = async () => {
    const record = await start();
    const actor = seedPerson(record.ctx);
    const key = makeServerKey(record.ctx, seedServer(record.ctx, actor).id);
    await freshenSigningKey(record.ctx);
    const token = issueToken(record.ctx, { runId: 'run_1', fence: 1, workerId: 'wrk_1' });
    return { record, key, token, secret: openServerKey(record.ctx, key).export({ format: 'jwk' }).d };
  };

  test('seals everything again; the old key opens nothing, and what was sealed is the same', async () => {
    const { record, key, secret } = await seeded();
    const old = readFileSync(keyFile());
    expect(rotateKey(record.ctx)).toBe(3);
    record.close();
    expect(readFileSync(keyFile()).equals(old)).toBe(false);
    expect([existsSync(`${keyFile()}.old`), existsSync(`${keyFile()}.new`)]).toEqual([false, false]);
    const again = openBeside(config());
    const row = again.ctx.db.select().from(tables.serverKeys).get();
    expect(row?.privateSealed.equals(key.privateSealed)).toBe(false);
    expect(row === undefined ? null : openServerKey(again.ctx, row).export({ format: 'jwk' }).d).toBe(secret);
    const signing = currentKey(again.ctx);
    expect(() =>
      again.ctx.vault.open(signing?.privateSealed ?? Buffer.alloc(0), { row: signing?.kid ?? '', field: 'private_sealed' }),
    ).not.toThrow();
    again.close();
    writeFileSync(keyFile(), old);
    await expect(start()).rejects.toMatchObject({ field: 'KIPPER_KEY_FILE' });
  });

  test('interrupted between the commit and the exchange of the files, the next start finishes it', async () => {
    const { record } = await seeded();
    const old = readFileSync(keyFile());
    rotateKey(record.ctx);
    record.close();
    renameSync(keyFile(), `${keyFile()}.new`);
    writeFileSync(keyFile(), old, { mode: 0o600 });
    await startOnce();
    expect(readFileSync(`${keyFile()}.old`).equals(old)).toBe(true);
    await startOnce();
  });

  test('knows every sealed column of the tables', () => {
    const sealed = Object.values(tables)
      .filter((table) => table instanceof SQLiteTable)
      .flatMap((table) => {
        const { name, columns } = getTableConfig(table);
        return columns.filter((column) => column.dataType === 'buffer').map((column) => `${name}.${column.name}`);
      });
    expect(sealed.toSorted()).toEqual([...sealedColumns].toSorted());
  });
});
