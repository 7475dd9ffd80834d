import { randomBytes } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { eq } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Database } from '../db/open.ts';
import { meta } from '../db/tables.ts';
import { places } from './places.ts';
import { makeVault, type Vault } from './vault.ts';

const checkKey = 'key_check';
const checkText = 'the key of this database';
/** 32 random bytes have about 30 different ones; a default or a keyboard has fewer. */
const differentBytes = 18;

/** The key-encryption key. Made only where no database exists; missing, wide open or weak refuses with a sentence. */
export function readKeyFile(file: string, databaseExists: boolean): Redacted<Buffer> {
  if (!existsSync(file)) {
    if (databaseExists) {
      throw refused(
        `the key file ${file} is missing, and this database cannot be read without it`,
        'restore it from your backup of the key, or name it with KIPPER_KEY_FILE',
      );
    }
    const key = randomBytes(32);
    writeKeyFile(file, key);
    return new Redacted(key);
  }
  const fd = openSync(file, 'r');
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o077) !== 0) throw refused(`the key file ${file} can be read by others`, `chmod 600 ${file}`);
    return new Redacted(decodeKey(file, readFileSync(fd, 'utf8')));
  } finally {
    closeSync(fd);
  }
}

function decodeKey(file: string, text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length !== 32)
    throw refused(
      `the key file ${file} does not hold 32 bytes in base64url`,
      'restore it, or make one with: head -c 32 /dev/urandom | basenc --base64url',
    );
  if (new Set(key).size < differentBytes) throw refused(`the key in ${file} is not random`, 'use 32 bytes of /dev/urandom');
  return key;
}

/** Writes a key, 0600 and on the disk, where no file is yet. */
export function writeKeyFile(file: string, key: Buffer): void {
  const fd = openSync(file, 'wx', 0o600);
  try {
    writeSync(fd, `${key.toString('base64url')}\n`);
    fsyncSync(fd);
  } catch (thrown) {
    // A full disk: half a key would refuse every later start.
    rmSync(file);
    throw thrown;
  } finally {
    closeSync(fd);
  }
  syncFolder(file);
}

export function syncFolder(file: string): void {
  const fd = openSync(dirname(file), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Refuses a key that this database was not made with; a new database remembers this one. */
export function demandKey(db: Database, vault: Vault): void {
  const row = db.select().from(meta).where(eq(meta.key, checkKey)).get();
  if (row === undefined) {
    writeCheck(db, vault);
    return;
  }
  if (!opensCheck(row.value, vault)) {
    throw refused('the key file is not the one that this database was made with', 'name the right one with KIPPER_KEY_FILE');
  }
}

export function writeCheck(db: Database, vault: Vault): void {
  const value = vault.seal(Buffer.from(checkText), places.meta(checkKey)).toString('base64');
  db.insert(meta).values({ key: checkKey, value }).onConflictDoUpdate({ target: meta.key, set: { value } }).run();
}

function opensCheck(value: string, vault: Vault): boolean {
  try {
    return vault.open(Buffer.from(value, 'base64'), places.meta(checkKey)).toString() === checkText;
  } catch {
    return false;
  }
}

/**
 * The vault of a database. A rotation that was interrupted after its commit is finished here: the new key stands beside
 * the file and is the one that opens.
 */
export function openVault(db: Database, file: string, key: Redacted<Buffer>): Vault {
  const vault = makeVault(key);
  const row = db.select().from(meta).where(eq(meta.key, checkKey)).get();
  const next = `${file}.new`;
  if (row !== undefined && !opensCheck(row.value, vault) && existsSync(next)) {
    const rotated = makeVault(readKeyFile(next, true));
    if (opensCheck(row.value, rotated)) {
      swapKeyFiles(file);
      return rotated;
    }
  }
  demandKey(db, vault);
  return vault;
}

/** `<file>` is kept as `<file>.old`, `<file>.new` becomes `<file>`: at no moment is there no key. */
export function swapKeyFiles(file: string): void {
  copyFileSync(file, `${file}.old`);
  renameSync(`${file}.new`, file);
  syncFolder(file);
}

function refused(message: string, hint: string): Fault {
  return new Fault('invalid_input', { message, hint, field: 'KIPPER_KEY_FILE' });
}
