import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, folder } from './paths.ts';
import { type Proc, isAlive, procOf } from './processes.ts';
import { until } from './shell.ts';

function holder(file: string): Proc | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Proc;
  } catch {
    return undefined;
  }
}

function take(file: string): true | undefined {
  try {
    writeFileSync(file, JSON.stringify(procOf(process.pid)), { flag: 'wx' });
    return true;
  } catch {
    const other = holder(file);
    if (other && !isAlive(other)) rmSync(file, { force: true });
    return undefined;
  }
}

/** One lab process at a time in this cache; a lock whose holder died is free. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = join(folder(cacheFolder, 'locks'), name);
  await until(`the lock ${name}`, 20 * 60_000, () => take(file));
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
