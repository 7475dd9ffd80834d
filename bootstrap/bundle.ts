import { readFileSync, readdirSync } from 'node:fs';
import { Fault } from '../core/fault.ts';

const parts = new URL('./parts/', import.meta.url);

function partText(name: string): string {
  return readFileSync(new URL(name, parts), 'utf8');
}

/** In order of name: 00-base first, 90-main last. */
function shellFiles(folder: string): string[] {
  const names = readdirSync(new URL(folder, parts)).filter((name) => name.endsWith('.sh'));
  return names.sort().map((name) => folder + name);
}

let library: string | undefined;

/** The host-step library as one sh text; the same bytes for every run of this version. */
export function hostLibrary(): string {
  library ??= [...shellFiles('host/').slice(0, -1), ...shellFiles('host/actions/'), ...shellFiles('host/').slice(-1)]
    .map(partText)
    .join('');
  return library;
}

/** The probe of the named capabilities as one sh text. Throws a Fault when there is no such probe. */
export function probeScript(names: readonly string[]): string {
  return ['00-section', ...names].map(probePart).join('');
}

function probePart(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(name)) throw new Fault('internal', `there is no probe called ${name}`);
  return partText(`probe/${name}.sh`);
}
