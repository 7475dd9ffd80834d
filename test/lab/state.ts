import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageName } from './images.ts';
import { restoreLimits } from './limits.ts';
import { removeNetwork } from './network.ts';
import { folder, runFolder } from './paths.ts';
import { type Proc, bootId, end, isAlive, pullPlug } from './processes.ts';
import { run } from './shell.ts';

export interface HostRecord {
  name: string;
  address: string;
  address6: string;
  port: number;
  fingerprint: string;
  image: ImageName;
  variants: string[];
  pods: boolean;
  realK3s: boolean;
  supervisor: Proc | undefined;
}

export interface LabRecord {
  number: number;
  image: ImageName;
  /** Stays up when its owner ends, until `bin/lab down`. */
  detached: boolean;
  owner: Proc;
  bootId: string;
  servers: Proc[];
  hosts: HostRecord[];
}

export const labFolder = (number: number): string => join(runFolder, String(number));
export const hostRunFolder = (number: number, name: string): string => join(labFolder(number), 'hosts', name);

export function saveLab(lab: LabRecord): void {
  const file = join(labFolder(lab.number), 'lab.json');
  writeFileSync(`${file}.new`, JSON.stringify(lab, null, '\t'), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function readLab(number: number): LabRecord | undefined {
  const file = join(labFolder(number), 'lab.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LabRecord) : undefined;
}

function labNumbers(): number[] {
  return readdirSync(folder(runFolder))
    .map(Number)
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

export const allLabs = (): LabRecord[] => labNumbers().flatMap((number) => readLab(number) ?? []);

/** The folder is the claim: only one process can make it. */
export function claimLabFolder(number: number): boolean {
  folder(runFolder);
  try {
    mkdirSync(labFolder(number), { mode: 0o711 });
    return true;
  } catch {
    return false;
  }
}

const processesOf = (lab: LabRecord): Proc[] => [...lab.servers, ...lab.hosts.flatMap((host) => host.supervisor ?? [])];

/** A lab is left over when nobody will close it: its machine rebooted, its owner died, or nothing of it runs any more. */
function isLeftOver(number: number): boolean {
  const lab = readLab(number);
  if (!lab) return Date.now() - statSync(labFolder(number)).mtimeMs > 10_000;
  if (lab.bootId !== bootId()) return true;
  if (isAlive(lab.owner)) return false;
  return !lab.detached || !processesOf(lab).some(isAlive);
}

export async function removeLeftovers(): Promise<void> {
  for (const number of labNumbers()) if (isLeftOver(number)) await removeLab(number);
}

/** Everything that a lab can own is found by its record, its bridge and its folder. */
export async function removeLab(number: number): Promise<void> {
  const lab = readLab(number);
  if (lab && lab.bootId === bootId()) {
    await Promise.all(lab.hosts.map((host) => host.supervisor && pullPlug(host.supervisor)));
    await Promise.all(lab.servers.map(end));
  }
  await removeNetwork(number);
  await unmountBelow(labFolder(number));
  rmSync(labFolder(number), { recursive: true, force: true });
  if (labNumbers().length === 0) restoreLimits();
}

export async function unmountBelow(path: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  const below = mounts.filter((mount) => mount === path || mount.startsWith(`${path}/`)).reverse();
  for (const mount of below) {
    const done = await run('umount', [mount]);
    if (done.code !== 0) await run('umount', ['-l', mount]);
  }
}
