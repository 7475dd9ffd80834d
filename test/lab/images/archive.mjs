// An OCI archive: made here, read by `ctr images import` and by push.mjs. Layers are not compressed,
// so that an image has the same digest in the archive, in containerd and in a registry.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const BLOCK = 512;
const EMPTY = Buffer.alloc(0);
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const blobPath = (digest) => `blobs/${digest.replace(':', '/')}`;

function tarHeader(name, size, mode, type) {
  const head = Buffer.alloc(BLOCK);
  const octal = (value, offset, width) => head.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, width);
  head.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  head.write('        ', 148, 8);
  head.write(type, 156, 1);
  head.write('ustar\x0000', 257, 8);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return head;
}

function tar(entries) {
  const parts = entries.flatMap(({ name, data = EMPTY, mode = 0o644, type = '0' }) => [
    tarHeader(name, data.length, mode, type),
    data,
    Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** Reads a tar of plain files into a map of name to bytes. */
function untar(bytes) {
  const files = new Map();
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const field = (from, to) => bytes.toString('latin1', at + from, at + to).replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 136), 8);
    const start = at + BLOCK;
    files.set(field(0, 100), bytes.subarray(start, start + size));
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** One image: a single layer with one static binary, and a user table so that a name resolves. */
function image({ name, binary, path, user, arch }) {
  const layer = tar([
    { name: 'tmp/', mode: 0o1777, type: '5' },
    { name: 'etc/', mode: 0o755, type: '5' },
    { name: 'etc/passwd', data: Buffer.from('root:x:0:0::/:/none\nnonroot:x:65532:65532::/:/none\n') },
    { name: path, data: readFileSync(binary), mode: 0o755 },
  ]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: arch,
      os: 'linux',
      config: { Entrypoint: [`/${path}`], User: user, Env: ['PATH=/bin:/usr/bin'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  const describe = (mediaType, data) => ({ mediaType, digest: digestOf(data), size: data.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
    }),
  );
  return { name, arch, manifest, blobs: [layer, config, manifest] };
}

export function writeArchive(file, specs) {
  const images = specs.map(image);
  const blobs = new Map(images.flatMap((i) => i.blobs.map((data) => [blobPath(digestOf(data)), data])));
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: images.map(({ name, arch, manifest }) => ({
      mediaType: MANIFEST,
      digest: digestOf(manifest),
      size: manifest.length,
      platform: { os: 'linux', architecture: arch },
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.split(':').pop() },
    })),
  };
  writeFileSync(
    file,
    tar([
      { name: 'oci-layout', data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
      { name: 'index.json', data: Buffer.from(JSON.stringify(index)) },
      ...[...blobs].map(([name, data]) => ({ name, data })),
    ]),
  );
  return images.map(({ name, manifest }) => ({ name, digest: digestOf(manifest) }));
}

/** The first image of an archive, ready to be pushed. */
export function readArchive(file) {
  const files = untar(readFileSync(file));
  const blob = (digest) => {
    const data = files.get(blobPath(digest));
    if (!data || digestOf(data) !== digest) throw new Error(`${file}: blob ${digest} is missing or damaged`);
    return data;
  };
  const manifest = blob(JSON.parse(files.get('index.json')).manifests[0].digest);
  const { config, layers } = JSON.parse(manifest);
  return { mediaType: MANIFEST, manifest, blobs: [config, ...layers].map((d) => blob(d.digest)) };
}
