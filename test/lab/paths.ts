import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const cacheFolder = process.env['KIPPER_LAB_CACHE'] ?? join(homedir(), '.cache', 'kipper-lab');
export const runFolder = join(cacheFolder, 'run');
export const hostFolder = join(import.meta.dirname, 'host');
export const artifactsFile = join(cacheFolder, 'artifacts.json');

export function folder(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}
