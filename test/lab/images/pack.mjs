// pack.mjs OUT.tar NAME=BINARY@PATH_IN_IMAGE[@USER]... writes one OCI archive and prints "NAME DIGEST" per image.
import { writeArchive } from './archive.mjs';

const [out, ...specs] = process.argv.slice(2);
const arch = process.env.GOARCH || 'amd64';
const images = specs.map((spec) => {
  const [name, rest] = spec.split('=');
  const [binary, path, user = '65532:65532'] = rest.split('@');
  return { name, binary, path, user, arch };
});
if (!out || images.some((i) => !i.name || !i.binary || !i.path)) {
  console.error('usage: pack.mjs OUT.tar NAME=BINARY@PATH_IN_IMAGE[@USER]...');
  process.exit(2);
}
for (const { name, digest } of writeArchive(out, images)) console.log(`${name} ${digest}`);
