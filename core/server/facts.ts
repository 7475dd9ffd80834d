import type { Sections } from '../probe.ts';
import { type AccountFacts, parseAccounts } from './accounts.ts';
import { type FirewallFacts, parseFirewall } from './firewall.ts';
import { type Listener, parseListeners, type SocketUnit } from './listeners.ts';
import { type NetworkFacts, parseNetwork } from './network.ts';
import { parsePackages, type PackageFacts } from './packages.ts';
import { read, readPairs, readTagged } from './reading.ts';
import { parseSshd, type SshdFacts } from './sshd.ts';
import { parseSystem, type SystemFacts } from './system.ts';
import { parseUnits, type Units } from './units.ts';

export interface FileMode {
  mode: string;
  owner: string;
  group: string;
  kind: string;
}

/** What one probe of a server tells; every capability reads the same facts. */
export interface ServerFacts extends SystemFacts {
  network: NetworkFacts;
  listeners: Listener[];
  sockets: SocketUnit[];
  /** Units that have a file on the host. */
  units: Units;
  accounts: AccountFacts;
  sshd: SshdFacts;
  firewall: FirewallFacts;
  packages: PackageFacts;
  /** Kernel settings by their dotted name; one the kernel does not have is missing. */
  sysctls: Readonly<Record<string, string>>;
  /** `loaded`, `available` or `missing` by module. */
  modules: Readonly<Record<string, string>>;
  filesystems: string[];
  files: Readonly<Record<string, FileMode>>;
  /** Lines of the files that are ours, without comments and empty lines; a file that does not exist is missing. */
  ownFiles: Readonly<Record<string, string[]>>;
  /** Settings in /etc/sysctl.conf and /etc/sysctl.d, by file. */
  sysctlFiles: { path: string; lines: string[] }[];
  k3s: 'none' | 'ours' | 'foreign';
  /** What else rules this machine: docker, rke2, cpanel and the like, with the path that shows it. */
  present: { name: string; path: string }[];
  /** Lines in a shape that no parser knows, said in a Finding instead of being passed over. */
  unread: string[];
}

/** The probe files that together answer ServerFacts, in order. */
export const serverProbes = [
  'os',
  'kernel',
  'network',
  'listeners',
  'units',
  'accounts',
  'sshd',
  'firewall',
  'packages',
  'files',
  'k3s',
] as const;

/** Facts from a probe's sections. Hostile text: shapes are checked, control characters dropped, nothing is trusted to be there. */
export function parseServer(sections: Sections): ServerFacts {
  const system = parseSystem(sections);
  const present = read(sections, 'present').flatMap((line) => {
    const [, name, path] = /^([a-z0-9-]{1,30}) (\/\S{1,200})$/.exec(line) ?? [];
    return name === undefined || path === undefined ? [] : [{ name, path }];
  });
  return {
    ...system,
    ...parseListeners(sections),
    network: parseNetwork(sections),
    units: parseUnits(sections),
    accounts: parseAccounts(sections, system.epochSeconds),
    sshd: parseSshd(sections),
    firewall: parseFirewall(sections),
    packages: parsePackages(sections),
    sysctls: Object.fromEntries(Object.entries(readPairs(sections, 'sysctls')).map(([key, value]) => [key, value.replaceAll(/\s+/g, ' ')])),
    modules: readPairs(sections, 'modules'),
    filesystems: (read(sections, 'filesystems')[0] ?? '').split(' ').filter(Boolean),
    files: Object.fromEntries(read(sections, 'modes').flatMap(parseMode)),
    ownFiles: Object.fromEntries(readTagged(sections, 'own_files').map((file) => [file.path, file.lines])),
    sysctlFiles: readTagged(sections, 'sysctl_files'),
    k3s: stateOfK3s(present.map((each) => each.name)),
    present: present.filter((each) => each.name !== 'ours' && each.name !== 'cloud-init'),
  };
}

function parseMode(line: string): [string, FileMode][] {
  const found = /^([0-7]{1,5}) (\S{1,64}) (\S{1,64}) ([a-z ]+) (\/\S*)$/.exec(line);
  if (found === null) return [];
  const [, mode = '', owner = '', group = '', kind = '', path = ''] = found;
  return [[path, { mode: mode.padStart(4, '0'), owner, group, kind }]];
}

function stateOfK3s(names: readonly string[]): ServerFacts['k3s'] {
  if (!names.some((name) => name === 'k3s' || name === 'k3s-unit' || name === 'k3s-agent')) return 'none';
  return names.includes('ours') ? 'ours' : 'foreign';
}
