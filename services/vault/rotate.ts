import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { existsSync, rmSync } from 'node:fs';
import { Redacted } from '../../core/redacted.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { credentials, meta, serverKeys, signingKeys } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { openVault, readKeyFile, swapKeyFiles, writeCheck, writeKeyFile } from './keyfile.ts';
import { places } from './places.ts';
import { makeVault, type Vault } from './vault.ts';

const sealedMeta = ['run_token_key'];

/** Everything sealed, by place. A column that is missing here would be lost at a rotation; a test compares with the tables. */
export const sealedColumns = ['signing_keys.private_sealed', 'server_keys.private_sealed', 'credentials.sealed'] as const;

/**
 * Seals everything under a new key, in one transaction, then exchanges the key files. The old file stays as `.old` until
 * every value was opened with the new one. Returns how many values. To be called while the data folder is locked.
 */
export function rotateKey(ctx: Context): number {
  const file = ctx.config.keyFile;
  if (existsSync(`${file}.new`)) rmSync(`${file}.new`);
  const key = randomBytes(32);
  writeKeyFile(`${file}.new`, key);
  const next = makeVault(new Redacted(key));
  const resealed = atomically(ctx.db, () => {
    const done = resealAll(ctx, next);
    writeCheck(ctx.db, next);
    writeEvent(
      ctx,
      { kind: 'system', job: 'keys-rotate' },
      { organizationId: null, name: 'key_file.rotated', subject: 'key_file', data: { values: done } },
    );
    return done;
  });
  swapKeyFiles(file);
  const kept: Context = { ...ctx, vault: openVault(ctx.db, file, readKeyFile(file, true)) };
  atomically(ctx.db, () => resealAll(kept, kept.vault));
  rmSync(`${file}.old`);
  return resealed;
}

function resealAll(ctx: Context, to: Vault): number {
  let done = 0;
  for (const row of ctx.db.select().from(signingKeys).all()) {
    ctx.db
      .update(signingKeys)
      .set({ privateSealed: ctx.vault.reseal(row.privateSealed, places.signingKey(row.kid), to) })
      .where(eq(signingKeys.kid, row.kid))
      .run();
    done += 1;
  }
  for (const row of ctx.db.select().from(serverKeys).all()) {
    ctx.db
      .update(serverKeys)
      .set({ privateSealed: ctx.vault.reseal(row.privateSealed, places.serverKey(row.id), to) })
      .where(eq(serverKeys.id, row.id))
      .run();
    done += 1;
  }
  for (const row of ctx.db.select().from(credentials).all()) {
    ctx.db
      .update(credentials)
      .set({ sealed: ctx.vault.reseal(row.sealed, places.credential(row.id), to) })
      .where(eq(credentials.id, row.id))
      .run();
    done += 1;
  }
  for (const name of sealedMeta) {
    const row = ctx.db.select().from(meta).where(eq(meta.key, name)).get();
    if (row === undefined) continue;
    const sealed = ctx.vault.reseal(Buffer.from(row.value, 'base64'), places.meta(name), to);
    ctx.db
      .update(meta)
      .set({ value: sealed.toString('base64') })
      .where(eq(meta.key, name))
      .run();
    done += 1;
  }
  return done;
}
