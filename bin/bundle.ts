import { build } from 'esbuild';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

const entries = { kipper: 'bin/kipper.ts', up: 'bin/up.ts', kip: 'cli/main.ts' };
const native = ['better-sqlite3', '@node-rs/bcrypt', 'bullmq', 'ioredis', 'ssh2', 'pino', 'cpu-features'];

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist', { recursive: true });
await build({
  entryPoints: entries,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  chunkNames: 'chunk-[hash]',
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
writeFileSync('dist/.built', '');
