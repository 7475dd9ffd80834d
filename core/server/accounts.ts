import type { Sections } from '../probe.ts';
import { read, whole } from './reading.ts';

export interface KeyFile {
  path: string;
  /** Keys that open a login. */
  open: number;
  /** Keys that are bound to a command, an address or a date, and so prove nothing. */
  bound: number;
  /** sshd's StrictModes takes it: nobody else may write the file or a folder above it. */
  safe: boolean;
}

export interface Account {
  name: string;
  uid: number;
  home: string;
  shell: string;
  password: 'locked' | 'empty' | 'set' | 'unknown';
  expired: boolean;
  groups: string[];
  keys: KeyFile[];
}

export interface AccountFacts {
  /** Accounts with a shell that opens a session. */
  people: Account[];
  /** Where the machine looks for accounts besides its own files, such as sss or ldap. */
  directories: string[];
}

const closedShell = /(?:nologin|false|sync|shutdown|halt)$/;

export function parseAccounts(sections: Sections, epochSeconds: number | null): AccountFacts {
  const passwords = new Map(read(sections, 'passwords').map((line) => [line.split(' ')[0] ?? '', line.split(' ')]));
  const groups = parseGroups(read(sections, 'groups'));
  const keys = parseKeys(read(sections, 'keys'));
  const people = read(sections, 'passwd').flatMap((line): Account[] => {
    const [name, uid, gid, home, shell] = line.split(':');
    const number = whole(uid);
    if (!name || number === null || home === undefined || closedShell.test(shell ?? '')) return [];
    const password = passwords.get(name);
    return [
      {
        name,
        uid: number,
        home,
        shell: shell === '' || shell === undefined ? '/bin/sh' : shell,
        password: kindOf(password?.[1]),
        expired: expired(password?.[2], epochSeconds),
        groups: groups.filter((group) => group.id === gid || group.members.includes(name)).map((group) => group.name),
        keys: (keys.get(name) ?? []).map((file) => ({ path: file.path, open: file.open, bound: file.bound, safe: file.safeFor(number) })),
      },
    ];
  });
  const services = (read(sections, 'name_services')[0] ?? '').replaceAll(/\[[^\]]*\]/g, ' ').split(/\s+/);
  return { people, directories: services.filter((service) => service !== '' && !['files', 'compat', 'systemd'].includes(service)) };
}

function kindOf(text: string | undefined): Account['password'] {
  return text === 'locked' || text === 'empty' || text === 'set' ? text : 'unknown';
}

/** shadow(5): days since 1970 after which the account is closed. */
function expired(days: string | undefined, epochSeconds: number | null): boolean {
  const day = whole(days);
  return day !== null && epochSeconds !== null && day * 86_400 <= epochSeconds;
}

function parseGroups(lines: readonly string[]): { name: string; id: string; members: string[] }[] {
  return lines.map((line) => {
    const [name = '', id = '', members = ''] = line.split(':');
    return { name, id, members: members.split(',') };
  });
}

interface FoundKeys {
  path: string;
  open: number;
  bound: number;
  safeFor(uid: number): boolean;
}

function parseKeys(lines: readonly string[]): Map<string, FoundKeys[]> {
  const modes = new Map<string, { mode: number; uid: number }>();
  for (const line of lines) {
    const [word, path = '', mode = '', uid] = line.split(' ');
    const owner = whole(uid);
    if (word === 'stat' && /^[0-7]{1,4}$/.test(mode) && owner !== null) modes.set(path, { mode: Number.parseInt(mode, 8), uid: owner });
  }
  const found = new Map<string, FoundKeys[]>();
  for (const line of lines) {
    const [word, name = '', path = '', open, bound] = line.split(' ');
    if (word !== 'key') continue;
    const file = { path, open: whole(open) ?? 0, bound: whole(bound) ?? 0, safeFor: (uid: number) => isSafe(path, uid, modes) };
    found.set(name, [...(found.get(name) ?? []), file]);
  }
  return found;
}

/** sshd checks the file and every folder up to the home folder, or up to the root for files outside it. */
function isSafe(path: string, uid: number, modes: ReadonlyMap<string, { mode: number; uid: number }>): boolean {
  if (!modes.has(path)) return false;
  return [...modes]
    .filter(([each]) => each === path || path.startsWith(`${each}/`))
    .every(([, at]) => (at.mode & 0o022) === 0 && (at.uid === 0 || at.uid === uid));
}
