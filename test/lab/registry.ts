import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registryPort } from './host-disk.ts';
import type { Lab } from './lab.ts';
import { cacheFolder, folder } from './paths.ts';
import { opens } from './probe.ts';
import { must, until } from './shell.ts';

export interface Registry {
  address: string;
  /** Puts an archive of the cache's images folder there as REPOSITORY:TAG and gives its digest. */
  push(archive: string, target: string): Promise<string>;
  stop(): Promise<void>;
}

const program = join(cacheFolder, 'bin', 'registry');

export const hasRegistry = (): boolean => existsSync(program);

/** An image registry in the lab's network, from the cache's parts; plain HTTP, empty at first, gone with the lab. */
export async function startRegistry(lab: Lab): Promise<Registry> {
  const address = `${lab.network.gateway}:${registryPort}`;
  const config = join(lab.folder, 'registry.yml');
  const lines = [
    'version: 0.1',
    'log: {level: warn, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${folder(lab.folder, 'registry')}}, delete: {enabled: true}}`,
    `http: {addr: "${address}"}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const { stop } = await lab.serve('registry', program, ['serve', config], { OTEL_TRACES_EXPORTER: 'none' });
  await until('start of the image registry', 10_000, async () => (await opens(lab.network.gateway, registryPort)) || undefined);
  const push = async (archive: string, target: string): Promise<string> => {
    const script = join(import.meta.dirname, 'push.mjs');
    const file = join(cacheFolder, 'images', archive);
    return (await must(process.execPath, [script, file, address, target])).trim();
  };
  return { address, push, stop };
}
