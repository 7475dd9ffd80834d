import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAptIndex } from './apt-index.ts';
import { withLock } from './lock.ts';
import { debianMirror } from './mirror.ts';
import { cacheFolder, folder, hostFolder } from './paths.ts';
import { must } from './shell.ts';

const suites = { 'debian-12': 'bookworm', 'debian-13': 'trixie' } as const;

export type ImageName = keyof typeof suites;
export const imageNames = Object.keys(suites) as ImageName[];
export const isImageName = (text: string): text is ImageName => imageNames.some((name) => name === text);

export interface Image {
  name: ImageName;
  suite: string;
  /** Without ufw, unattended-upgrades, rpcbind and nfs-common. */
  lean: string;
  /** Overlay layer that adds them. */
  full: string;
  /** Flat apt repository with them. */
  debs: string;
}

function recipeOf(...files: string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

/** Builds the image when its recipe is new, else reuses it. */
export async function ensureImage(name: ImageName, say: (line: string) => void): Promise<Image> {
  const script = join(hostFolder, 'rootfs.sh');
  const recipe = recipeOf(script, join(import.meta.dirname, 'apt-index.ts'));
  const place = join(folder(cacheFolder, 'rootfs'), `${name}-${recipe}`);
  const image = { name, suite: suites[name], lean: join(place, 'lean'), full: join(place, 'full'), debs: join(place, 'debs') };
  if (existsSync(place)) return image;
  await withLock(`image-${name}`, async () => {
    if (existsSync(place)) return;
    say(`Building the ${name} image (about 2 min, once)`);
    await build(script, suites[name], place);
    removeOutdated(name, place);
  });
  return image;
}

async function build(script: string, suite: string, place: string): Promise<void> {
  const work = `${place}.new`;
  rmSync(work, { recursive: true, force: true });
  folder(work);
  const mirror = debianMirror();
  await must(script, ['lean', suite, work, ...(mirror ? [mirror] : [])]);
  await must(script, ['full', work]);
  await writeAptIndex(join(work, 'debs'));
  renameSync(work, place);
}

/** Images of earlier recipes, unless a running host still stands on one. */
function removeOutdated(name: ImageName, current: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const all = readdirSync(join(cacheFolder, 'rootfs')).map((entry) => join(cacheFolder, 'rootfs', entry));
  const outdated = all.filter((path) => path.includes(`/${name}-`) && path !== current && !mounts.includes(path));
  for (const path of outdated) rmSync(path, { recursive: true, force: true });
}
