import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { sleep } from './shell.ts';

/** A process id alone is reused by the kernel; with its start time it names one process for good. */
export interface Proc {
  pid: number;
  start: string;
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function procOf(pid: number): Proc {
  const start = startOf(pid);
  if (start === undefined) throw new Error(`process ${pid} ended at once`);
  return { pid, start };
}

function tryProcOf(pid: number): Proc | undefined {
  const start = startOf(pid);
  return start === undefined ? undefined : { pid, start };
}

export const isAlive = (proc: Proc): boolean => startOf(proc.pid) === proc.start;

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function isLeader(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync('/proc/self/ns/pid') && existsSync(`/proc/${pid}/root/etc`);
  } catch {
    return false;
  }
}

/** Process 1 of the host: the child of the supervisor's systemd-nspawn, in another process namespace. */
export function leaderOf(supervisor: Proc): number | undefined {
  if (!isAlive(supervisor)) return undefined;
  return childrenOf(supervisor.pid).flatMap(childrenOf).find(isLeader);
}

/** Ends a host like a pulled plug: its process 1 first, then what runs it, which frees what the kernel still holds. */
export async function pullPlug(supervisor: Proc): Promise<void> {
  const leader = leaderOf(supervisor);
  const runners = isAlive(supervisor) ? childrenOf(supervisor.pid).flatMap((pid) => tryProcOf(pid) ?? []) : [];
  signal(supervisor, 'SIGKILL');
  if (leader) process.kill(leader, 'SIGKILL');
  for (let i = 0; i < 100 && runners.some(isAlive); i++) await sleep(30);
  for (const runner of runners) signal(runner, 'SIGKILL');
  for (let i = 0; i < 100 && [supervisor, ...runners].some(isAlive); i++) await sleep(30);
}

export function signal(proc: Proc, name: NodeJS.Signals): void {
  if (!isAlive(proc)) return;
  try {
    process.kill(proc.pid, name);
  } catch {
    // ended between the check and the signal
  }
}

export async function end(proc: Proc): Promise<void> {
  signal(proc, 'SIGTERM');
  for (let i = 0; i < 40 && isAlive(proc); i++) await sleep(50);
  signal(proc, 'SIGKILL');
  for (let i = 0; i < 100 && isAlive(proc); i++) await sleep(20);
}
