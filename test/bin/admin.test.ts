import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../services/config.ts';
import { events, people, sessions } from '../../services/db/tables.ts';
import { checkPassword } from '../../services/people/passwords.ts';
import { openRecord, type OpenRecord } from '../../services/record.ts';
import { makeServerKey, openServerKey } from '../../services/vault/serverkey.ts';
import { seedPerson, seedServer, type PersonActor } from '../support/record.ts';
import { Commands } from '../support/up.ts';

const commands = new Commands();
let owner: PersonActor;

async function inRecord<T>(act: (record: OpenRecord) => T | Promise<T>): Promise<T> {
  const record = await openRecord(readConfig({ KIPPER_DATA: commands.data }), () => {});
  try {
    return await act(record);
  } finally {
    record.close();
  }
}

const kipper = (words: string[], input = '') => commands.once('bin/kipper', words, {}, input);

beforeAll(async () => {
  await inRecord(({ ctx }) => {
    owner = seedPerson(ctx);
    ctx.db.update(people).set({ email: 'ada@example.com' }).where(eq(people.id, owner.personId)).run();
    makeServerKey(ctx, seedServer(ctx, owner).id);
  });
});
afterAll(() => commands.close());

describe('kipper keys rotate', () => {
  const secret = () =>
    inRecord(({ ctx }) => {
      const row = ctx.db.query.serverKeys.findFirst().sync();
      return row === undefined ? undefined : openServerKey(ctx, row).export({ format: 'jwk' }).d;
    });

  test('makes a new key file, and everything still opens; it is an Event', async () => {
    const [key, before] = [readFileSync(commands.keyFile), await secret()];
    const { code, stdout } = await kipper(['keys', 'rotate']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/is new; \d+ sealed values were sealed again/)]);
    expect(readFileSync(commands.keyFile).equals(key)).toBe(false);
    expect(statSync(commands.keyFile).mode & 0o777).toBe(0o600);
    expect(['.old', '.new'].some((end) => existsSync(commands.keyFile + end))).toBe(false);
    expect(await secret()).toBe(before);
    expect(await inRecord(({ ctx }) => ctx.db.select().from(events).where(eq(events.name, 'key_file.rotated')).all())).toHaveLength(1);
  }, 120_000);

  test('beside a running control plane: refused, nothing changed', async () => {
    const key = readFileSync(commands.keyFile);
    const { code, stderr } = await inRecord(() => kipper(['keys', 'rotate']));
    expect([code, stderr]).toEqual([6, expect.stringMatching(/^kipper: another Kipper uses the data folder/)]);
    expect(readFileSync(commands.keyFile).equals(key)).toBe(true);
  }, 120_000);
});

describe('kipper admin', () => {
  test('reset-password takes the new one from standard input, ends the sessions, prints no password; works beside a control plane', async () => {
    const { code, stdout, stderr } = await inRecord(() => kipper(['admin', 'reset-password', 'Ada@example.com'], 'a quite new password\n'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('1 sessions ended');
    expect(stdout + stderr).not.toContain('quite');
    await inRecord(async ({ ctx }) => {
      const row = ctx.db.select().from(people).where(eq(people.id, owner.personId)).get();
      expect(await checkPassword('a quite new password', row?.passwordHash ?? '')).toBe(true);
      expect(ctx.db.select().from(sessions).get()?.revokedAtMs).not.toBeNull();
      expect(ctx.db.select().from(events).where(eq(events.name, 'person.password_reset')).all()).toHaveLength(1);
    });
  }, 120_000);

  test('an unknown person, a short password, a missing word: a sentence each', async () => {
    expect(await kipper(['admin', 'reset-password', 'eve@example.com'], 'a quite new password\n')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('no person has the e-mail address') as string,
    });
    expect(await kipper(['admin', 'reset-password', 'ada@example.com'], 'short\n')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^kipper: /) as string,
    });
    expect(await kipper(['admin', 'reset-password'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^usage: /) as string });
  }, 120_000);

  test('setup-link is refused once a person exists, and names what to do; bin/up --setup-link too', async () => {
    const refusal = { code: 6, stderr: expect.stringMatching(/set up already.*kipper admin reset-password EMAIL/) as string };
    expect(await kipper(['admin', 'setup-link'])).toMatchObject(refusal);
    expect(await commands.once('bin/up', ['--data', commands.data, '--setup-link'])).toMatchObject(refusal);
  }, 120_000);

  test('where there is no database: a sentence, and none is made', async () => {
    const elsewhere = join(commands.dir, 'elsewhere');
    expect(await commands.once('bin/kipper', ['admin', 'setup-link'], { KIPPER_DATA: elsewhere })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('there is no database in') as string,
    });
    expect(existsSync(join(elsewhere, 'kipper.db'))).toBe(false);
  }, 120_000);
});

describe('kipper serve', () => {
  test('T37 refuses a missing, another, a short, a default and a readable key file with one sentence each', async () => {
    const key = readFileSync(commands.keyFile);
    const cases: [() => void, RegExp][] = [
      [() => renameSync(commands.keyFile, `${commands.keyFile}.away`), /is missing.*restore it/],
      [
        () =>
          writeFileSync(commands.keyFile, Buffer.from(Array.from({ length: 32 }, (_, n) => n * 5 + 1)).toString('base64url'), {
            mode: 0o600,
          }),
        /is not the one/,
      ],
      [() => writeFileSync(commands.keyFile, 'c2hvcnQ'), /32 bytes/],
      [() => writeFileSync(commands.keyFile, Buffer.from('changeme'.repeat(4)).toString('base64url')), /is not random/],
      [() => (writeFileSync(commands.keyFile, key), chmodSync(commands.keyFile, 0o644)), /can be read by others; chmod 600/],
    ];
    for (const [spoil, words] of cases) {
      spoil();
      const { code, stderr } = await kipper(['serve']);
      expect([code, stderr]).toEqual([2, expect.stringMatching(words)]);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    chmodSync(commands.keyFile, 0o600);
    await inRecord(() => {});
  }, 240_000);
});
