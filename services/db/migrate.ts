import { readMigrationFiles, type MigrationMeta } from 'drizzle-orm/migrator';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../core/fault.ts';
import type { Database } from './open.ts';

/** The bundle has the folder beside it; the checkout two levels up. */
function migrationsFolder(): string {
  const beside = fileURLToPath(new URL('./migrations', import.meta.url));
  return existsSync(`${beside}/meta/_journal.json`) ? beside : fileURLToPath(new URL('../../migrations', import.meta.url));
}

function appliedAt(db: Database): number {
  db.$client.exec(
    'create table if not exists __drizzle_migrations (id integer primary key autoincrement, hash text not null, created_at numeric)',
  );
  const row = db.$client.prepare<[], { last: number | null }>('select max(created_at) as last from __drizzle_migrations').get();
  return row?.last ?? 0;
}

/** What has not been applied yet, oldest first. Refuses a database that is ahead of this program. */
export function pendingMigrations(db: Database): MigrationMeta[] {
  const all = readMigrationFiles({ migrationsFolder: migrationsFolder() });
  const last = appliedAt(db);
  if (last > (all.at(-1)?.folderMillis ?? 0)) {
    throw new Fault('conflict', {
      message: 'the database was written by a newer Kipper',
      hint: 'start the newer version, or restore the backup that was made before its migration',
    });
  }
  return all.filter((migration) => migration.folderMillis > last);
}

/** Applies each pending migration in a transaction of its own; one that breaks a reference is rolled back. Returns how many. */
export function migrate(db: Database): number {
  const pending = pendingMigrations(db);
  const client = db.$client;
  // SQLite rebuilds tables for some changes: references are checked at the end instead of at every statement.
  client.pragma('foreign_keys = OFF');
  try {
    for (const migration of pending) client.transaction(() => applyOne(db, migration)).immediate();
  } finally {
    client.pragma('foreign_keys = ON');
  }
  return pending.length;
}

function applyOne(db: Database, migration: MigrationMeta): void {
  for (const statement of migration.sql) db.$client.exec(statement);
  const broken = db.$client.pragma('foreign_key_check');
  if (Array.isArray(broken) && broken.length > 0) throw new Fault('internal', 'a migration would break references; nothing was changed');
  db.$client.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)').run(migration.hash, migration.folderMillis);
}
