import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './shell.ts';

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** Makes a folder of .deb files a flat apt repository: Packages and Release, unsigned (hosts mark it trusted). */
export async function writeAptIndex(place: string): Promise<void> {
  const entries: string[] = [];
  for (const name of readdirSync(place)
    .filter((file) => file.endsWith('.deb'))
    .sort()) {
    const control = (await must('dpkg-deb', ['-f', join(place, name)])).trimEnd();
    const data = readFileSync(join(place, name));
    // apt escapes the epoch's colon in the names of its cache; over HTTP it must not be decoded again
    const file = encodeURIComponent(name);
    entries.push(`${control}\nFilename: ./${file}\nSize: ${data.length}\nSHA256: ${sha256(data)}\n`);
  }
  const packages = Buffer.from(`${entries.join('\n')}\n`);
  const head = `Origin: lab\nSuite: lab\nDate: ${new Date().toUTCString()}\n`;
  writeFileSync(join(place, 'Packages'), packages);
  writeFileSync(join(place, 'Release'), `${head}SHA256:\n ${sha256(packages)} ${packages.length} Packages\n`);
}
