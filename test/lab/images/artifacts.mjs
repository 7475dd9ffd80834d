// artifacts.mjs OUT.json ARCH NAME=VERSION=FILE... lists what a control plane may install, with real sizes and hashes.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';

const [out, arch, ...specs] = process.argv.slice(2);

async function sha256(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** The images that a file carries, by the digest that containerd shows after the import. */
function imagesIn(file) {
  const digests = file.replace(/\.tar\.zst$/, '.tar.digests');
  if (digests === file) return {};
  const images = readFileSync(digests, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([image, imageDigest]) => ({ image, imageDigest }));
  return images.length === 1 ? images[0] : { images };
}

const artefacts = [];
for (const spec of specs) {
  const [name, version, file] = spec.split('=');
  const url = pathToFileURL(file).href;
  const bytes = statSync(file).size;
  artefacts.push({ name, version, arch, url, sha256: await sha256(file), bytes, ...imagesIn(file) });
}
writeFileSync(`${out}.tmp`, `${JSON.stringify({ artefacts }, null, 2)}\n`);
renameSync(`${out}.tmp`, out);
