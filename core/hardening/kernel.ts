import type { Finding } from '../control.ts';
import type { Step } from '../plan.ts';
import type { ServerFacts } from '../server/facts.ts';
import { meaningful } from '../server/reading.ts';
import { kernelSetting, textFile } from './steps.ts';
import { finding, type HardeningControl } from './wish.ts';

export type Settings = Readonly<Record<string, string>>;

/** One sysctl.d file and the running values: a control is a table and a sentence. */
export interface KernelTable {
  path: string;
  settings: Settings;
  /** Whether a running value is at least as strict as the wanted one. */
  holds(key: string, value: string, wanted: string): boolean;
}

/** A leading hyphen: a kernel without the setting is no error at boot. */
function textOf(table: KernelTable): string {
  return `# Written by Kipper.\n${Object.entries(table.settings)
    .map(([key, value]) => `-${key} = ${value}\n`)
    .join('')}`;
}

function loose(table: KernelTable, facts: ServerFacts): [string, string][] {
  return Object.entries(table.settings).filter(([key, wanted]) => {
    const value = facts.sysctls[key];
    return value !== undefined && !table.holds(key, value, wanted);
  });
}

function fileHolds(table: KernelTable, facts: ServerFacts): boolean {
  return facts.ownFiles[table.path]?.join('\n') === meaningful(textOf(table)).join('\n');
}

/** Files that systemd-sysctl reads after ours and that say otherwise: the value would be lost at the next boot. */
function overruled(table: KernelTable, facts: ServerFacts): string[] {
  const name = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  return facts.sysctlFiles.flatMap((file) => {
    if (file.path === table.path || (file.path !== '/etc/sysctl.conf' && name(file.path) <= name(table.path))) return [];
    return file.lines.flatMap((line) => {
      const [, key = '', value = ''] = /^\s*-?([A-Za-z0-9._/-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      const dotted = key.replaceAll('/', '.');
      const wanted = table.settings[dotted];
      return wanted === undefined || table.holds(dotted, value, wanted) ? [] : [`${file.path} sets ${dotted} to ${value}`];
    });
  });
}

export function assessKernel(control: HardeningControl, table: KernelTable, facts: ServerFacts): Finding[] {
  const now = loose(table, facts).map(([key, wanted]) => `${key} is ${facts.sysctls[key]}, wanted ${wanted}`);
  const missing = fileHolds(table, facts) ? [] : [`${table.path} is missing or differs`];
  const later = overruled(table, facts);
  return [
    ...(now.length + missing.length > 0
      ? [finding(control, { evidence: [...now, ...missing].join('; '), hint: `Kipper writes ${table.path} and sets the running values` })]
      : []),
    ...(later.length > 0
      ? [
          finding(control, {
            title: `${control.title}: lost at the next boot`,
            evidence: later.join('; '),
            hint: `remove these lines: they are read after ${table.path}`,
            remedy: 'owner',
          }),
        ]
      : []),
  ];
}

export function planKernel(control: HardeningControl, table: KernelTable, facts: ServerFacts): Step[] {
  const file = fileHolds(table, facts)
    ? []
    : [textFile({ id: `${control.id}/file`, control: control.id, title: `write ${table.path}` }, table.path, textOf(table))];
  return [...file, ...loose(table, facts).map(([key, wanted]) => kernelSetting(control.id, key, wanted))];
}
