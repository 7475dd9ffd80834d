import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { backupDatabase } from './db/backup.ts';
import { lockDataFolder } from './db/lock.ts';
import { migrate, pendingMigrations } from './db/migrate.ts';
import { fullDisk, openDatabase, type Database } from './db/open.ts';
import { settlements } from './settlements.ts';
import { openVault, readKeyFile } from './vault/keyfile.ts';

export interface OpenRecord {
  ctx: Context;
  close(): void;
}

/**
 * Opens the record for its one writer: folder, lock, key file, backup before a migration of an existing file, migrations,
 * check of the key. Every refusal is a sentence, and nothing is written before the key was seen.
 */
export async function openRecord(config: Config, ring: () => void): Promise<OpenRecord> {
  makeFolder(config.dataDir);
  const lock = lockDataFolder(config.dataDir);
  let db: Database | null = null;
  try {
    const file = join(config.dataDir, 'kipper.db');
    const existed = existsSync(file);
    const key = readKeyFile(config.keyFile, existed);
    db = openDatabase(file);
    if (existed && pendingMigrations(db).length > 0) await backupDatabase(db, config.dataDir, Date.now());
    migrate(db);
    const ctx = contextOf(config, db, key, ring);
    return { ctx, close: () => closeAll(ctx.db, lock) };
  } catch (thrown) {
    closeAll(db, lock);
    throw fullDisk(thrown) ?? thrown;
  }
}

/** Opens the record beside a control plane that may be running; for single acts of an administrator. */
export function openBeside(config: Config): OpenRecord {
  const file = join(config.dataDir, 'kipper.db');
  if (!existsSync(file))
    throw new Fault('not_found', {
      message: `there is no database in ${config.dataDir}`,
      hint: 'start Kipper once, or name the folder with KIPPER_DATA',
    });
  const key = readKeyFile(config.keyFile, true);
  const db = openDatabase(file);
  try {
    if (pendingMigrations(db).length > 0)
      throw new Fault('conflict', { message: 'the database waits for a migration', hint: 'start this version of Kipper once' });
    return { ctx: contextOf(config, db, key, () => {}), close: () => closeAll(db, null) };
  } catch (thrown) {
    closeAll(db, null);
    throw thrown;
  }
}

function contextOf(config: Config, db: Database, key: ReturnType<typeof readKeyFile>, ring: () => void): Context {
  return {
    db,
    vault: openVault(db, config.keyFile, key),
    config,
    now: () => Date.now(),
    random: (bytes) => randomBytes(bytes),
    ring,
    settlements,
  };
}

function closeAll(db: Database | null, lock: { release(): void } | null): void {
  if (db?.$client.open === true) db.$client.close();
  lock?.release();
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if ((statSync(dataDir).mode & 0o077) !== 0) chmodSync(dataDir, 0o700);
  } catch (thrown) {
    throw (
      fullDisk(thrown) ??
      new Fault('invalid_input', {
        message: `the data folder ${dataDir} cannot be made private to this user`,
        field: 'KIPPER_DATA',
        hint: 'name a folder of your own',
        cause: thrown,
      })
    );
  }
}
