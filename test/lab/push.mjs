// push.mjs ARCHIVE.tar HOST:PORT REPOSITORY:TAG pushes an archive of images/pack.mjs over plain HTTP and prints its digest.
import { digestOf, readArchive } from './images/archive.mjs';

const [archive, registry, target] = process.argv.slice(2);
const [repository, tag] = (target ?? '').split(':');
if (!archive || !registry || !repository || !tag) {
  console.error('usage: push.mjs ARCHIVE.tar HOST:PORT REPOSITORY:TAG');
  process.exit(2);
}
const base = `http://${registry}/v2/${repository}`;

async function call(method, url, body, type) {
  const headers = type ? { 'content-type': type } : {};
  const answer = await fetch(url, body ? { method, body, headers } : { method });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function pushBlob(data) {
  const digest = digestOf(data);
  if ((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const begun = await call('POST', `${base}/blobs/uploads/`);
  const location = new URL(begun.headers.get('location'), base);
  location.searchParams.set('digest', digest);
  await call('PUT', location, data, 'application/octet-stream');
}

const { manifest, mediaType, blobs } = readArchive(archive);
for (const data of blobs) await pushBlob(data);
const stored = await call('PUT', `${base}/manifests/${tag}`, manifest, mediaType);
const digest = digestOf(manifest);
if (stored.headers.get('docker-content-digest') !== digest) throw new Error('the registry stored another digest');
console.log(digest);
