import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Guards ARCHITECTURE.md: who may import whom, no cycles, budgets. It reads import statements as text, so a computed import() is
 * not seen; there is none, which the last test of this file holds.
 */
const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', '*.ts'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n');
const sources = tracked.filter((file) => /^(core|bootstrap|services|workers|cli|bin)\//.test(file));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm)) {
    const target = match[2] ?? match[3] ?? '';
    found.push({
      from: file,
      to: target.startsWith('.') ? normalize(join(dirname(file), target)) : target,
      typeOnly: match[1] !== undefined,
    });
  }
  return found;
}

const imports = sources.flatMap(importsOf);
const inside = (folder: string) => (path: string) => path.startsWith(`${folder}/`);
const nounOf = (path: string) => /^services\/([a-z]+)\//.exec(path)?.[1] ?? null;
const shared = new Set(['db', 'vault', 'http', 'runs', 'fleet']);
const composition = new Set(['services/main.ts', 'services/settlements.ts', 'services/runapi.ts']);

function offences(rule: (item: Import) => boolean): string[] {
  return imports.filter(rule).map((item) => `${item.from} imports ${item.to}`);
}

describe('the house', () => {
  it('keeps core pure: zod and itself, no clock, no randomness, no environment', () => {
    expect(
      offences(
        (item) =>
          inside('core')(item.from) && !item.typeOnly && !inside('core')(item.to) && item.to !== 'zod' && !item.to.endsWith('.json'),
      ),
    ).toEqual([]);
    for (const file of sources.filter(inside('core'))) {
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(
        /\bDate\.now\(|new Date\(\)|Math\.random\(|\bprocess\.|\bperformance\.now/,
      );
    }
  });

  it('lets bootstrap see core only', () => {
    expect(offences((item) => inside('bootstrap')(item.from) && /^(services|workers|cli|bin)\//.test(item.to))).toEqual([]);
  });

  it('keeps workers and services apart', () => {
    expect(offences((item) => inside('workers')(item.from) && /^(services|cli|bin)\//.test(item.to))).toEqual([]);
    expect(offences((item) => inside('services')(item.from) && /^(workers|cli|bin)\//.test(item.to))).toEqual([]);
  });

  it('makes kip a client: core, and the types of the API', () => {
    expect(offences((item) => inside('cli')(item.from) && /^(services|workers|bootstrap|bin)\//.test(item.to) && !item.typeOnly)).toEqual(
      [],
    );
  });

  it('keeps the noun folders of services apart', () => {
    expect(
      offences((item) => {
        const from = nounOf(item.from);
        const to = nounOf(item.to);
        return (
          from !== null &&
          to !== null &&
          from !== to &&
          from !== 'http' &&
          !(to === 'db' || to === 'vault') &&
          !(shared.has(from) && shared.has(to) && to !== 'http')
        );
      }),
    ).toEqual([]);
  });

  it('lets nothing below http know http', () => {
    expect(
      offences(
        (item) =>
          inside('services')(item.from) &&
          inside('services/http')(item.to) &&
          !inside('services/http')(item.from) &&
          !composition.has(item.from),
      ),
    ).toEqual([]);
  });

  it('has no import cycle', () => {
    const graph = new Map<string, string[]>();
    for (const item of imports)
      if (!item.typeOnly && sources.includes(item.to)) graph.set(item.from, [...(graph.get(item.from) ?? []), item.to]);
    const done = new Set<string>();
    const walk = (file: string, path: string[]): string[] | null => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return null;
      done.add(file);
      for (const next of graph.get(file) ?? []) {
        const cycle = walk(next, [...path, file]);
        if (cycle !== null) return cycle;
      }
      return null;
    };
    for (const file of sources) expect(walk(file, [])).toBeNull();
  });

  it('reads the environment in its configuration files only', () => {
    const readers = sources.filter((file) => /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8')));
    expect(readers.filter((file) => !/^(services|workers|cli)\/config\.ts$|^bin\//.test(file))).toEqual([]);
  });

  it('has no drawer for everything', () => {
    expect(tracked.filter((file) => /(^|\/)(utils?|helpers?|common|lib|misc)(\/|\.ts$)/.test(file))).toEqual([]);
  });

  it('keeps files small: 300 lines at most', () => {
    const long = sources
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 301);
    expect(long).toEqual([]);
  });

  it('T03 builds no command text from values: one quoting builder, and no child process through a shell', () => {
    const spawners = sources.filter((file) => /\bexecSync\(|\bexec\(\s*`|shell:\s*true/.test(readFileSync(join(root, file), 'utf8')));
    expect(spawners).toEqual([]);
  });

  it('T14 has no eval in shipped shell', () => {
    const shell = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', 'bootstrap/*.sh', 'bin/*'], {
      cwd: root,
      encoding: 'utf8',
    })
      .trim()
      .split('\n');
    expect(shell.filter((file) => /(^|[;&|\s])eval\s/m.test(readFileSync(join(root, file), 'utf8').replaceAll(/^\s*#.*$/gm, '')))).toEqual(
      [],
    );
  });

  it('T72 skips no check by the kind of environment', () => {
    expect(sources.filter((file) => /NODE_ENV|isDev\b|isProduction\b/.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
  });
});
