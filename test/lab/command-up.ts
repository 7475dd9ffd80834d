import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildParts } from './command-prepare.ts';
import type { Host } from './hosts.ts';
import type { ImageName } from './images.ts';
import { type Lab, openLab } from './lab.ts';
import { artifactsFile, cacheFolder } from './paths.ts';
import { hasRegistry, startRegistry } from './registry.ts';

export interface UpOptions {
  count: number;
  image: ImageName;
  pods: boolean;
  variants: string[];
}

export async function up(options: UpOptions, say: (line: string) => void): Promise<void> {
  if (options.pods) await buildParts();
  const lab = await openLab({ image: options.image, say });
  try {
    const one = () => lab.boot({ pods: options.pods, variants: options.variants });
    const hosts = await Promise.all(Array.from({ length: options.count }, one));
    const images = options.pods && hasRegistry() ? await fillRegistry(lab) : [];
    lab.keep();
    process.stdout.write(instructions(lab, hosts, images));
  } finally {
    if (!lab.record.detached) await lab.close();
  }
}

/** Small images to try apps with; the archives are made by the parts' build. */
async function fillRegistry(lab: Lab): Promise<string[]> {
  const registry = await startRegistry(lab);
  const archives = readdirSync(join(cacheFolder, 'images')).filter((name) => /^[a-z-]+-\d+\.tar$/.test(name));
  const images: string[] = [];
  for (const archive of archives) {
    const target = archive.replace(/-(\d+)\.tar$/, ':$1');
    await registry.push(archive, target);
    images.push(`${registry.address}/${target}`);
  }
  return images;
}

function instructions(lab: Lab, hosts: Host[], images: string[]): string {
  const artifacts = existsSync(artifactsFile) ? `KIPPER_ARTIFACTS=${artifactsFile} ` : '';
  const lines = [
    `${hosts.length === 1 ? 'One host is' : `${hosts.length} hosts are`} up.`,
    '',
    'Start the control plane:',
    `  ${artifacts}bin/up --public https://${lab.network.gateway}:8743`,
    'Install:',
    ...hosts.map((host) => `  ${installLine(lab, host)}`),
    ...(images.length > 0 ? ['Images for apps:', ...images.map((image) => `  ${image}`)] : []),
    'Look inside:',
    ...hosts.map((host) => `  bin/lab ssh ${host.name}`),
    'Remove everything:',
    '  bin/lab down',
  ];
  return `${lines.join('\n')}\n`;
}

function installLine(lab: Lab, host: Host): string {
  const port = host.port === 22 ? '' : ` --port ${host.port}`;
  return `bin/kip install --host ${host.address}${port} --user root --identity ${lab.login.identity} --host-key ${host.hostKey.fingerprint}`;
}
