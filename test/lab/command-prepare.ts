import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { ensureImage } from './images.ts';
import { artifactsFile, builtArtifactsFile, cacheFolder, realK3sFile } from './paths.ts';
import { attach, must } from './shell.ts';

/** The parts that a cluster is made of; hosts alone boot without them. */
export async function buildParts(): Promise<void> {
  const script = join(import.meta.dirname, 'build.sh');
  if (!existsSync(script)) return;
  const code = await attach(script, [], { KIPPER_LAB_CACHE: cacheFolder });
  if (code !== 0) throw new Error(`test/lab/build.sh ended with ${code}: the lab's Kubernetes could not be built.`);
}

/** Everything that takes minutes, so that a test never waits for it. */
export async function prepare(say: (line: string) => void): Promise<void> {
  await buildParts();
  if (realK3sFile !== undefined) await listRealK3s(realK3sFile);
  await ensureImage('debian-12', say);
}

/** The lab's list of artefacts with a real k3s binary in the place of the stand-in. */
async function listRealK3s(file: string): Promise<void> {
  const version = /^k3s version (\S+)/.exec(await must(file, ['--version']))?.[1];
  if (version === undefined) throw new Error(`${file} does not say 'k3s version …' when asked for its version.`);
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const real = { version, url: pathToFileURL(file).href, sha256: hash.digest('hex'), bytes: statSync(file).size };
  const built = JSON.parse(readFileSync(builtArtifactsFile, 'utf8')) as { artefacts: { name: string }[] };
  const artefacts = built.artefacts.map((entry) => (entry.name === 'k3s' ? { ...entry, ...real } : entry));
  writeFileSync(artifactsFile, `${JSON.stringify({ artefacts }, null, 2)}\n`);
}
