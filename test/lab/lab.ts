import { closeSync, existsSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { aptPort } from './host-disk.ts';
import { type Host, type HostOptions, bootHost } from './hosts.ts';
import { type ImageName, ensureImage } from './images.ts';
import { type Login, labLogin } from './keys.ts';
import { raiseLimits } from './limits.ts';
import { withLock } from './lock.ts';
import { type Network, isNetworkTaken, makeNetwork, networkOf } from './network.ts';
import { cacheFolder, folder, keepLabs } from './paths.ts';
import { opens } from './probe.ts';
import { bootId, end, procOf } from './processes.ts';
import { until } from './shell.ts';
import { type LabRecord, claimLabFolder, labFolder, removeLab, removeLeftovers, saveLab } from './state.ts';

export interface LabOptions {
  /** What hosts boot from when boot() names no other. */
  image: ImageName;
  say?: (line: string) => void;
}

export interface Lab {
  record: LabRecord;
  network: Network;
  login: Login;
  /** An empty folder that close() removes. */
  folder: string;
  cache: string;
  boot(options?: HostOptions): Promise<Host>;
  /** Starts a program that belongs to the lab (a registry, say) and ends with it; its output goes to <folder>/<name>.log. */
  serve(name: string, command: string, args: string[], env?: Record<string, string>): Promise<{ stop(): Promise<void> }>;
  /** Cuts the package repository off from all hosts, or brings it back. */
  aptDown(down: boolean): void;
  /** The lab stays up when this process ends, until `bin/lab down`. */
  keep(): void;
  close(): Promise<void>;
}

/** Opens a lab on addresses of its own, after removing what crashed labs left behind. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const record = await withLock('labs', () => claim(options));
  const booting = new Set<Promise<Host>>();
  const close = closing(record, booting);
  try {
    await makeNetwork(record.number);
    const lab = await assemble(record, options, booting, close);
    await startApt(lab);
    return lab;
  } catch (error) {
    await close();
    throw error;
  }
}

async function claim(options: LabOptions): Promise<LabRecord> {
  await removeLeftovers();
  for (let number = 1; number < 250; number++) {
    if ((await isNetworkTaken(number)) || !claimLabFolder(number)) continue;
    const owner = procOf(process.pid);
    const record: LabRecord = { number, image: options.image, detached: false, owner, bootId: bootId(), servers: [], hosts: [] };
    saveLab(record);
    raiseLimits();
    return record;
  }
  throw new Error('Every network from 10.213.1.0/24 to 10.213.249.0/24 is in use on this machine.');
}

/** Ctrl-C must not leave hosts behind. */
function closing(record: LabRecord, booting: Set<Promise<Host>>): () => Promise<void> {
  let closed: Promise<void> | undefined;
  // A boot under way would start its host after everything was removed.
  const remove = async (): Promise<void> => {
    await Promise.allSettled(booting);
    await removeLab(record.number);
  };
  const close = (): Promise<void> => (closed ??= remove());
  const interrupt = (): void => {
    if (record.detached) process.exit(130);
    void close().finally(() => process.exit(130));
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.once(name, interrupt);
  return async () => {
    for (const name of names) process.removeListener(name, interrupt);
    await close();
  };
}

async function assemble(record: LabRecord, options: LabOptions, booting: Set<Promise<Host>>, close: () => Promise<void>): Promise<Lab> {
  const place = labFolder(record.number);
  const apt = folder(place, 'apt');
  const imageOf = async (name: ImageName) => {
    const image = await ensureImage(name, options.say ?? (() => {}));
    const entry = join(apt, image.suite);
    if (!existsSync(entry)) symlinkSync(image.debs, entry);
    return image;
  };
  const lab: Lab = {
    record,
    network: networkOf(record.number),
    login: await labLogin(),
    folder: folder(place, 'work'),
    cache: cacheFolder,
    boot: (host = {}) => {
      const boot = imageOf(host.image ?? record.image).then((image) => bootHost(lab, image, host));
      booting.add(boot);
      return boot.finally(() => booting.delete(boot));
    },
    serve: (name, command, args, env) => serve(lab, name, command, args, env),
    aptDown: (down) => (down ? writeFileSync(join(apt, 'down'), '') : rmSync(join(apt, 'down'), { force: true })),
    keep: () => {
      record.detached = true;
      saveLab(record);
    },
    close: () => (keepLabs ? leave(lab) : close()),
  };
  return lab;
}

/** For looking at what a test left: the hosts stay, with the way in to each. */
async function leave(lab: Lab): Promise<void> {
  lab.keep();
  for (const host of lab.record.hosts) process.stderr.write(`kept: bin/lab ssh ${lab.record.number}/${host.name}\n`);
  process.stderr.write('remove everything: bin/lab down\n');
}

async function serve(lab: Lab, name: string, command: string, args: string[], env: Record<string, string> = {}) {
  const log = openSync(join(labFolder(lab.record.number), `${name}.log`), 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  const proc = procOf(child.pid ?? 0);
  lab.record.servers.push(proc);
  saveLab(lab.record);
  const stop = async (): Promise<void> => {
    await end(proc);
    lab.record.servers = lab.record.servers.filter((server) => server !== proc);
    saveLab(lab.record);
  };
  return { stop };
}

async function startApt(lab: Lab): Promise<void> {
  const place = join(labFolder(lab.record.number), 'apt');
  const script = join(import.meta.dirname, 'apt-server.ts');
  const args = ['--disable-warning=ExperimentalWarning', script, lab.network.gateway, String(aptPort), place];
  await serve(lab, 'apt-server', process.execPath, args);
  await until('start of the package repository', 10_000, async () => (await opens(lab.network.gateway, aptPort)) || undefined);
}
