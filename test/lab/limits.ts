import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, runFolder } from './paths.ts';

const setting = '/proc/sys/fs/inotify/max_user_instances';
const enough = 1024;
const savedFile = () => join(folder(runFolder), 'inotify.before');

/** Each host's systemd takes several inotify instances; the usual limit of 128 ends process 1 of about the 18th host. */
export function raiseLimits(): void {
  const now = Number(readFileSync(setting, 'utf8'));
  if (now >= enough) return;
  if (!existsSync(savedFile())) writeFileSync(savedFile(), String(now));
  writeFileSync(setting, String(enough));
}

export function restoreLimits(): void {
  if (!existsSync(savedFile())) return;
  writeFileSync(setting, readFileSync(savedFile(), 'utf8'));
  rmSync(savedFile());
}
