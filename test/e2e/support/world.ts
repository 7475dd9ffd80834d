import type { Host } from '../../lab/hosts.ts';
import { type Lab, openLab } from '../../lab/lab.ts';
import { folder } from '../../lab/paths.ts';
import { type Registry, startRegistry } from '../../lab/registry.ts';
import { type Kip, signIn } from './kip.ts';
import { type Plane, startPlane } from './plane.ts';

/** One lab for the whole journey: what an earlier part made is what a later part works on. */
export interface World {
  lab: Lab;
  registry: Registry;
  plane: Plane;
  kip: Kip;
  /** Becomes the cluster. */
  main: Host;
  /** Enrolled by the pasted line. */
  pasted: Host;
  /** Taken away in the middle of its run. */
  doomed: Host;
  /** main as it was before Kipper came. */
  before: string;
  notes: Map<string, string>;
}

export async function openWorld(): Promise<World> {
  const lab = await openLab({ image: 'debian-12' });
  try {
    return await fill(lab);
  } catch (thrown) {
    await lab.close();
    throw thrown;
  }
}

async function fill(lab: Lab): Promise<World> {
  const [registry, plane, main, pasted, doomed] = await Promise.all([
    startRegistry(lab),
    startPlane(lab, { port: 8743, workers: 2 }),
    lab.boot({ name: 'main', pods: true }),
    lab.boot({ name: 'pasted', pods: true }),
    lab.boot({ name: 'doomed' }),
  ]);
  await Promise.all([
    registry.push('httpd-1.tar', 'httpd:1'),
    registry.push('httpd-2.tar', 'httpd:2'),
    registry.push('httpd-root-1.tar', 'httpd-root:1'),
    registry.push('crash-1.tar', 'crash:1'),
  ]);
  const kip = await signIn(plane, folder(lab.folder, 'kip'));
  return { lab, registry, plane, kip, main, pasted, doomed, before: '', notes: new Map() };
}

/** The name of the cluster and server that `kip install` makes where none is given. */
export const installFlags = (world: World, host: Host, hostKey = host.hostKey.fingerprint): string[] => [
  ...['install', '--host', host.address, '--user', 'root', '--identity', world.lab.login.identity],
  ...['--host-key', hostKey, '--name', host.name],
];

export interface RunJson {
  id: string;
  kind: string;
  state: string;
  attempts: number;
  planHash: string | null;
  fault: { code: string; message: string; hint?: string; reason?: string; field?: string } | null;
  result: { changed: number } | null;
  steps?: { title: string; state: string; durationMs: number | null; outputHead: string }[];
}

export const latestRun = (world: World): Promise<RunJson> => world.kip.json<RunJson>(['run', 'show']);
export const runOf = (world: World, id: string): Promise<RunJson> => world.kip.json<RunJson>(['run', 'show', id]);
