import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ends: (() => void)[] = [];
let listening = false;

/** Runs when this process ends in whatever way it can notice, the newest first. Only what needs no waiting. */
export function atEnd(end: () => void): void {
  ends.push(end);
  if (listening) return;
  listening = true;
  process.on('exit', () => {
    for (const each of ends.toReversed()) each();
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A lab that is open ends by itself and then the process; without one there is nothing to wait for.
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(130);
    });
  }
}

/** An empty folder that goes when this process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kipper-bench-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** The child ends with this process. */
export function endWithUs(child: ChildProcess): void {
  atEnd(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  });
}

export function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
