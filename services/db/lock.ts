import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { Fault } from '../../core/fault.ts';
import { fullDisk } from './open.ts';

/**
 * One process per data folder. The lock is the kernel's, held by SQLite on a file of its own, so it ends with the process
 * however that ends. Fault `conflict` when another one holds it.
 */
export function lockDataFolder(dataDir: string): { release(): void } {
  const file = new Sqlite(join(dataDir, 'lock'), { timeout: 0 });
  try {
    file.pragma('journal_mode = MEMORY');
    file.exec('begin exclusive');
  } catch (thrown) {
    file.close();
    if (!(thrown instanceof Sqlite.SqliteError && thrown.code.startsWith('SQLITE_BUSY'))) throw fullDisk(thrown) ?? thrown;
    throw new Fault('conflict', {
      message: `another Kipper uses the data folder ${dataDir}`,
      hint: 'stop it first, or name another folder with KIPPER_DATA or --data',
      cause: thrown,
    });
  }
  return {
    release: () => {
      if (file.open) file.close();
    },
  };
}
