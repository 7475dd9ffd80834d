import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { Fault } from '../../core/fault.ts';
import * as tables from './tables.ts';

export type Database = BetterSQLite3Database<typeof tables> & { $client: Sqlite.Database };

/** Opens a database file (or ':memory:' in tests) with the durability and constraints that the record relies on. Runs no migration. */
export function openDatabase(file: string): Database {
  const client = new Sqlite(file);
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.pragma('foreign_keys = ON');
  client.pragma('busy_timeout = 5000');
  return drizzle(client, { schema: tables });
}

type NotAPromise<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * One synchronous IMMEDIATE transaction. A promise is refused by the compiler, so no I/O can happen inside;
 * a throw rolls everything back. A full disk is a Fault `storage_full`.
 */
export function atomically<T>(db: Database, work: () => NotAPromise<T>): T {
  try {
    return db.$client.transaction(work as () => T).immediate();
  } catch (thrown) {
    throw fullDisk(thrown) ?? thrown;
  }
}

const fullCodes: ReadonlySet<unknown> = new Set(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT']);

/** The Fault `storage_full` when that is what an error of SQLite or of the file system means. */
export function fullDisk(cause: unknown): Fault | null {
  if (!(cause instanceof Error && 'code' in cause && fullCodes.has(cause.code))) return null;
  return new Fault('storage_full', {
    message: 'the disk of the control plane is full; nothing was changed',
    hint: 'make room on the disk that holds KIPPER_DATA, then try again',
    cause,
  });
}
