import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Disk, makeDisk, prepareDisk } from './host-disk.ts';
import type { Image, ImageName } from './images.ts';
import type { HostKey } from './keys.ts';
import type { Lab } from './lab.ts';
import { startMachine, untilReady } from './nspawn.ts';
import { realK3sFile } from './paths.ts';
import { leaderOf, pullPlug } from './processes.ts';
import { enterHost, sshArguments } from './reach.ts';
import { type Result, type RunOptions, run } from './shell.ts';
import { type HostRecord, hostRunFolder, labFolder, saveLab, unmountBelow } from './state.ts';
import { unknownVariant, variants } from './variants.ts';

export interface HostOptions {
  name?: string;
  image?: ImageName;
  variants?: string[];
  /** The host can run containers: containerd is set up and pods survive a reboot. */
  pods?: boolean;
  /** For a real k3s binary in place of the lab's stand-in: it runs its own containerd. Implies pods. */
  realK3s?: boolean;
}

export interface Host {
  name: string;
  address: string;
  address6: string;
  /** Of sshd. */
  port: number;
  hostKey: HostKey;
  /** The host's process 1 as this machine sees it; changes at a reboot. */
  readonly leaderPid: number;
  /** Runs bash in the host's namespaces: needs no ssh, no login shell, no network. */
  exec(command: string, options?: RunOptions): Promise<Result>;
  /** As exec, but throws when the command fails; gives its trimmed output. */
  sh(command: string, options?: RunOptions): Promise<string>;
  /** Runs a command over ssh with the lab's key. */
  ssh(command: string, options?: RunOptions & { user?: string }): Promise<Result>;
  /** An orderly reboot; the disk survives. */
  reboot(): Promise<void>;
  /** Waits for a reboot that the host itself began. */
  rebooted(before: number): Promise<void>;
  /** Pulls the plug; start() boots the same disk again. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends the host and forgets its disk. */
  down(): Promise<void>;
}

/** Hosts that boot at the same time must not get the same address, so this part has no await. */
function register(lab: Lab, image: Image, options: HostOptions): { host: HostRecord; index: number } {
  const { hosts } = lab.record;
  const names = options.variants ?? [];
  const unknown = unknownVariant(names);
  if (unknown) throw new Error(unknown);
  const used = new Set(hosts.map((host) => host.address));
  let index = 1;
  while (used.has(lab.network.address(index).address)) index++;
  const name = options.name ?? `host-${index}`;
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new Error(`'${name}' is no host name.`);
  if (hosts.some((host) => host.name === name)) throw new Error(`There is a host '${name}' already.`);
  const port = names.map((each) => variants[each]?.sshPort).find(Boolean) ?? 22;
  const realK3s = options.realK3s ?? (options.pods === true && realK3sFile !== undefined);
  const host: HostRecord = {
    ...{ name, ...lab.network.address(index), port, fingerprint: '', image: image.name },
    ...{ variants: names, pods: (options.pods || options.realK3s) ?? false, realK3s, supervisor: undefined },
  };
  hosts.push(host);
  saveLab(lab.record);
  return { host, index };
}

export async function bootHost(lab: Lab, image: Image, options: HostOptions): Promise<Host> {
  const { host, index } = register(lab, image, options);
  const place = hostRunFolder(lab.record.number, host.name);
  try {
    const disk = await makeDisk(place, image, host);
    const hostKey = await prepareDisk(disk.root, image.suite, host, lab.network, lab.login);
    host.fingerprint = hostKey.fingerprint;
    const target = host.port === 22 ? host.address : `[${host.address}]:${host.port}`;
    replaceKnownHost(join(labFolder(lab.record.number), 'known_hosts'), target, hostKey.publicKey);
    const life = lifeOf(lab, host, disk, `klab${lab.record.number}-${index}`);
    await life.start();
    return assemble(lab, host, hostKey, life);
  } catch (error) {
    await forget(lab, host);
    throw error;
  }
}

/** An address is used again after down(), by a host with other keys. */
function replaceKnownHost(file: string, target: string, publicKey: string): void {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const others = lines.filter((line) => line && !line.startsWith(`${target} `));
  writeFileSync(file, `${[...others, `${target} ${publicKey}`].join('\n')}\n`);
}

async function forget(lab: Lab, host: HostRecord): Promise<void> {
  if (host.supervisor) await pullPlug(host.supervisor);
  const place = hostRunFolder(lab.record.number, host.name);
  await unmountBelow(place);
  rmSync(place, { recursive: true, force: true });
  lab.record.hosts = lab.record.hosts.filter((each) => each !== host);
  saveLab(lab.record);
}

interface Life {
  leader(): number;
  start(): Promise<void>;
  kill(): Promise<void>;
  rebooted(before: number): Promise<void>;
  down(): Promise<void>;
}

function lifeOf(lab: Lab, host: HostRecord, disk: Disk, id: string): Life {
  const place = hostRunFolder(lab.record.number, host.name);
  const machine = { id, hostname: host.name, bridge: lab.network.bridge, disk, pods: host.pods, console: join(place, 'console.log') };
  const ready = async (before?: number): Promise<void> => {
    if (!host.supervisor) throw new Error(`${host.name} is off`);
    await untilReady(host.supervisor, host, place, before);
    for (const name of host.variants) {
      const script = variants[name]?.afterBoot;
      const done = script ? await enterHost(life.leader(), script) : undefined;
      if (done && done.code !== 0) throw new Error(`variant ${name} on ${host.name}: ${done.stderr}`);
    }
  };
  const life: Life = {
    leader: () => {
      const leader = host.supervisor && leaderOf(host.supervisor);
      if (!leader) throw new Error(`${host.name} is off`);
      return leader;
    },
    start: async () => {
      host.supervisor = await startMachine(machine);
      saveLab(lab.record);
      await ready();
    },
    kill: async () => {
      if (host.supervisor) await pullPlug(host.supervisor);
      host.supervisor = undefined;
      saveLab(lab.record);
    },
    rebooted: ready,
    down: () => forget(lab, host),
  };
  return life;
}

function assemble(lab: Lab, host: HostRecord, hostKey: HostKey, life: Life): Host {
  const { name, address, address6, port } = host;
  const exec = (command: string, options?: RunOptions): Promise<Result> => enterHost(life.leader(), command, options);
  return {
    ...{ name, address, address6, port, hostKey, exec },
    get leaderPid() {
      return life.leader();
    },
    sh: async (command, options) => {
      const done = await exec(command, options);
      if (done.code !== 0) throw new Error(`${name}: ${command.slice(0, 200)} ended with ${done.code}: ${done.stderr || done.stdout}`);
      return done.stdout.trim();
    },
    ssh: (command, options = {}) => run('ssh', [...sshArguments(lab.record.number, host, lab.login, options.user), command], options),
    reboot: async () => {
      const before = life.leader();
      await exec('systemctl reboot');
      await life.rebooted(before);
    },
    ...{ rebooted: life.rebooted, kill: life.kill, start: life.start, down: life.down },
  };
}
