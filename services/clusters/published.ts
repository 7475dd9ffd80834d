import { Fault } from '../../core/fault.ts';
import type { ArtefactEntry } from '../../core/k3s/catalogue.ts';
import { openUrl, readText, type FetchRules } from './fetch.ts';

/** The digest that the release itself publishes: 64 hex digits from its checksum file, or from the registry for an image. Never trusted by itself. */
export async function publishedDigest(entry: ArtefactEntry, rules: FetchRules): Promise<string> {
  if (entry.url !== undefined) return digestOfSums(entry, rules);
  if (entry.image === undefined) throw nothing(entry);
  return digestOfImage(entry.image, rules);
}

async function digestOfSums(entry: ArtefactEntry, rules: FetchRules): Promise<string> {
  if (entry.sumsUrl === undefined || entry.url === undefined) throw nothing(entry);
  const file = decodeURIComponent(new URL(entry.url).pathname.split('/').at(-1) ?? '');
  const line = (await readText(entry.sumsUrl, rules))
    .split('\n')
    .find((text) => text.trimEnd().endsWith(` ${file}`) || text.trimEnd().endsWith(` *${file}`));
  const found = /^([0-9a-f]{64}) /.exec(line ?? '')?.[1];
  if (found === undefined) throw nothing(entry);
  return found;
}

const hub = 'docker.io';
const manifestTypes =
  'application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json';

async function digestOfImage(image: string, rules: FetchRules): Promise<string> {
  const [, registry = '', path = '', tag = ''] = /^([^/]+)\/(.+):([^:/]+)$/.exec(image) ?? [];
  const host = registry === hub ? 'registry-1.docker.io' : registry;
  const authorization = registry === hub ? { authorization: `Bearer ${await hubToken(path, rules)}` } : {};
  const answer = await openUrl(`https://${host}/v2/${path}/manifests/${tag}`, {
    ...rules,
    method: 'HEAD',
    headers: { accept: manifestTypes, ...authorization },
  });
  answer.resume();
  const found = /^sha256:([0-9a-f]{64})$/.exec(String(answer.headers['docker-content-digest'] ?? ''))?.[1];
  if (found === undefined)
    throw new Fault('unavailable', {
      message: `the registry names no digest for ${image}`,
      reason: 'artefact_unreachable',
      hint: 'give the image with KIPPER_ARTIFACTS',
    });
  return found;
}

async function hubToken(path: string, rules: FetchRules): Promise<string> {
  const text = await readText(`https://auth.docker.io/token?service=registry.docker.io&scope=repository:${path}:pull`, rules);
  const token = (JSON.parse(text) as { token?: unknown }).token;
  return typeof token === 'string' && /^[\x21-\x7e]{1,8000}$/.test(token) ? token : '';
}

function nothing(entry: ArtefactEntry): Fault {
  return new Fault('unavailable', {
    message: `no published digest of ${entry.name} ${entry.version} was found`,
    reason: 'artefact_unreachable',
    hint: 'give the artefact with its digest in a KIPPER_ARTIFACTS file',
  });
}
