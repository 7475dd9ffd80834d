import { spawn } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Disk } from './host-disk.ts';
import { removeLink } from './network.ts';
import { hostFolder } from './paths.ts';
import { type Proc, isAlive, leaderOf, procOf } from './processes.ts';
import { until } from './shell.ts';

export interface Machine {
  /** Name of the container; its interface on the bridge is vb-<id>, so it must stay short. */
  id: string;
  hostname: string;
  bridge: string;
  disk: Disk;
  pods: boolean;
  console: string;
}

function argumentsFor(machine: Machine): string[] {
  const binds = Object.entries(machine.disk.binds).map(([from, to]) => `--bind=${from}:${to}`);
  const pods = ['--system-call-filter=add_key keyctl request_key', '--bind=/dev/null:/dev/kmsg', ...binds];
  // With systemd below, nspawn makes a scope of its own; without, there is nobody to ask.
  const keepUnit = existsSync('/run/systemd/system') ? [] : ['--keep-unit'];
  return [
    ...['--quiet', `--directory=${machine.disk.root}`, '--boot', '--register=no', ...keepUnit],
    ...[`--machine=${machine.id}`, `--hostname=${machine.hostname}`, '--console=pipe'],
    ...['--private-network', `--network-bridge=${machine.bridge}`],
    ...['--resolv-conf=off', '--timezone=off', '--link-journal=no'],
    ...(machine.pods ? pods : []),
    ...(existsSync('/sys/fs/cgroup/cgroup.controllers') ? [] : legacyCgroups),
  ];
}

/** Debian 13's systemd boots on cgroup v1 only when told so. */
const legacyCgroups = ['systemd.unified_cgroup_hierarchy=0', 'SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1'];

export async function startMachine(machine: Machine): Promise<Proc> {
  const link = `vb-${machine.id}`;
  await removeLink(link);
  const log = openSync(machine.console, 'a');
  const child = spawn(join(hostFolder, 'supervise.sh'), [link, ...argumentsFor(machine)], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, SYSTEMD_SECCOMP: '1' },
  });
  closeSync(log);
  child.unref();
  child.on('error', () => {});
  return procOf(child.pid ?? 0);
}

const tail = (file: string): string => readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n');

/** Ready: process 1 is another than before, and the ssh port answers with its greeting. */
export async function untilReady(supervisor: Proc, host: { address: string; port: number }, place: string, before?: number): Promise<void> {
  const console = join(place, 'console.log');
  try {
    await until(`boot of ${host.address}`, 60_000, async () => {
      if (!isAlive(supervisor)) throw new Error('the container ended');
      const leader = leaderOf(supervisor);
      return leader && leader !== before && (await answersSsh(host.address, host.port)) ? true : undefined;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; last lines of ${console}:\n${tail(console)}`, { cause: error });
  }
}

function answersSsh(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once('data', (data) => done(data.toString().startsWith('SSH-')));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
}
