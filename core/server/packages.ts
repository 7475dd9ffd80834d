import type { Sections } from '../probe.ts';
import { read } from './reading.ts';

export interface PackageFacts {
  manager: 'apt' | 'dnf' | 'yum' | 'zypper' | 'apk' | null;
  installed: string[];
  /** Packages that dpkg could not finish, with their state. */
  unfinished: { name: string; state: string }[];
  /** Lock files of dpkg that a program holds now. */
  locks: string[];
}

const managers = { 'apt-get': 'apt', dnf: 'dnf', yum: 'yum', zypper: 'zypper', apk: 'apk' } as const;

export function parsePackages(sections: Sections): PackageFacts {
  const known = Object.entries(managers);
  const found = read(sections, 'package_managers');
  const rows = read(sections, 'packages').map((line) => ({ name: line.split(' ')[0] ?? '', state: line.split(' ')[1] ?? '' }));
  return {
    manager: known.find(([command]) => found.includes(command))?.[1] ?? null,
    installed: rows.filter((row) => row.state === 'installed').map((row) => row.name),
    unfinished: rows.filter((row) => /^(?:half|unpacked|triggers)/.test(row.state)),
    locks: read(sections, 'dpkg_lock'),
  };
}
