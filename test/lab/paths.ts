import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const cacheFolder = process.env['KIPPER_LAB_CACHE'] ?? join(homedir(), '.cache', 'kipper-lab');
export const runFolder = join(cacheFolder, 'run');
export const hostFolder = join(import.meta.dirname, 'host');
export const builtArtifactsFile = join(cacheFolder, 'artifacts.json');
/** A real k3s that hosts with pods run in place of the lab's stand-in: bin/e2e --real-k3s. */
export const realK3sFile = process.env['KIPPER_LAB_K3S'];
export const artifactsFile = realK3sFile === undefined ? builtArtifactsFile : join(cacheFolder, 'artifacts-real-k3s.json');
/** Labs of tests stay up: bin/e2e --keep. */
export const keepLabs = process.env['KIPPER_LAB_KEEP'] === '1';

export function folder(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}
