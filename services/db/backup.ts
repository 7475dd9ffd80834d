import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from './open.ts';

const keep = 5;

/** An online copy of the database into `<data>/backups`, private to us; the five newest stay. Returns the file. */
export async function backupDatabase(db: Database, dataDir: string, nowMs: number): Promise<string> {
  const folder = join(dataDir, 'backups');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `kipper-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-')}.db`);
  await db.$client.backup(file);
  chmodSync(file, 0o600);
  const copies = readdirSync(folder)
    .filter((name) => /^kipper-.*\.db$/.test(name))
    .sort();
  for (const old of copies.slice(0, -keep)) rmSync(join(folder, old));
  return file;
}
