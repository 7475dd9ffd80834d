import { readFileSync, writeFileSync } from 'node:fs';
import { builtInArtefacts, type ArtefactEntry } from '../core/k3s/catalogue.ts';
import { publishedDigest } from '../services/clusters/published.ts';

/**
 * Writes the digests that the releases publish into core/k3s/pins.json. Run it where there is a network, compare the values with
 * the release pages, and commit them: from then on nothing else is accepted.
 */
const target = new URL('../core/k3s/pins.json', import.meta.url);
const known = JSON.parse(readFileSync(target, 'utf8')) as Record<string, string>;
let failed = 0;

for (const entry of builtInArtefacts) {
  const key = `${entry.name} ${entry.version} ${entry.arch}`;
  try {
    known[key] = await publishedDigest(withoutPin(entry), { targets: 'public' });
    process.stdout.write(`${known[key]}  ${key}  ${entry.sumsUrl ?? entry.image ?? ''}\n`);
  } catch (thrown) {
    failed += 1;
    process.stderr.write(`${key}: ${thrown instanceof Error ? thrown.message : 'failed'}\n`);
  }
}
writeFileSync(target, `${JSON.stringify(Object.fromEntries(Object.entries(known).sort()), null, 2)}\n`);
process.exitCode = failed === 0 ? 0 : 1;

function withoutPin(entry: ArtefactEntry): ArtefactEntry {
  return { ...entry, sha256: null, imageDigest: null };
}
