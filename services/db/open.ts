import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
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
 * a throw rolls everything back.
 */
export function atomically<T>(db: Database, work: () => NotAPromise<T>): T {
  return db.$client.transaction(work as () => T).immediate();
}
