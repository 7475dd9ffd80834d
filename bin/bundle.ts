import { build } from 'esbuild';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Builds the programs into dist/. A running one may still load its own parts: files are renamed into place, parts carry their
 * hash in their name, and those of earlier builds stay for a day.
 */
const entries = { kipper: 'bin/kipper.ts', up: 'bin/up.ts', kip: 'cli/main.ts' };
/** Left in node_modules: what holds machine code, or finds files of its own beside itself. */
const native = ['better-sqlite3', '@node-rs/bcrypt', 'ssh2', 'cpu-features', 'msgpackr-extract'];
const keepMs = 86_400_000;

mkdirSync('dist', { recursive: true });
const fresh = mkdtempSync('dist/.new-');
await build({
  entryPoints: entries,
  outdir: fresh,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  chunkNames: 'part-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node22',
  external: native,
  sourcemap: 'linked',
  logLevel: 'warning',
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});
cpSync('bootstrap/parts', 'dist/parts', { recursive: true });
cpSync('migrations', 'dist/migrations', { recursive: true });
const isPart = (name: string) => name.startsWith('part-');
const made = readdirSync(fresh).sort((a, b) => Number(isPart(b)) - Number(isPart(a)));
for (const name of made) renameSync(join(fresh, name), join('dist', name));
rmSync(fresh, { recursive: true });
// What Node compiled of the parts before (bin/up, bin/kipper).
rmSync('dist/.compiled', { recursive: true, force: true });
for (const name of readdirSync('dist').filter((one) => isPart(one) && !made.includes(one))) {
  if (Date.now() - statSync(join('dist', name)).mtimeMs > keepMs) rmSync(join('dist', name));
}
writeFileSync('dist/.built', '');
