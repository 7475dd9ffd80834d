import type { Sections } from '../probe.ts';
import { statusOf } from '../probe.ts';
import { read, readTagged, whole } from './reading.ts';

/** Lower-case keywords of `sshd -T`, each with its values in order. */
export type SshdSettings = Readonly<Record<string, readonly string[]>>;

export interface SshdFacts {
  /** Whether sshd told its configuration at all. */
  answered: boolean;
  settings: SshdSettings;
  /** What Match blocks make of each account; an account that is missing has the settings above. */
  users: Readonly<Record<string, SshdSettings>>;
  files: { path: string; lines: string[] }[];
  /** The whole main file, read only when it has no Include of the drop-in folder. */
  mainText: string | null;
}

export const sshdMain = '/etc/ssh/sshd_config';
export const sshdDropin = '/etc/ssh/sshd_config.d/00-kipper.conf';

export function parseSshd(sections: Sections): SshdFacts {
  const lines = read(sections, 'sshd').map((line) => line.split(' '));
  const users = new Map<string, string[][]>();
  for (const line of read(sections, 'sshd_users')) {
    const [name = '', ...rest] = line.split(' ');
    users.set(name, [...(users.get(name) ?? []), rest]);
  }
  const main = read(sections, 'sshd_main').map((line) => line.slice(1));
  return {
    answered: lines.length > 1,
    settings: settingsOf(lines),
    users: Object.fromEntries([...users].map(([name, rows]) => [name, settingsOf(rows)])),
    files: readTagged(sections, 'sshd_files'),
    mainText: statusOf(sections, 'sshd_main') === 0 && main.length > 0 ? `${main.join('\n')}\n` : null,
  };
}

function settingsOf(rows: readonly string[][]): SshdSettings {
  const settings = new Map<string, string[]>();
  for (const [key = '', ...values] of rows) settings.set(key, [...(settings.get(key) ?? []), ...values.filter(Boolean)]);
  return Object.fromEntries(settings);
}

/** The value that holds for an account, or for everybody. */
export function sshdValue(sshd: SshdFacts, key: string, user?: string): string | null {
  const settings = (user === undefined ? undefined : sshd.users[user]) ?? sshd.settings;
  return settings[key]?.[0] ?? null;
}

export function sshdValues(sshd: SshdFacts, key: string, user?: string): readonly string[] {
  const settings = (user === undefined ? undefined : sshd.users[user]) ?? sshd.settings;
  return settings[key] ?? [];
}

/** Whether drop-in files are read: an Include of their folder, outside any Match block. */
export function readsDropins(sshd: SshdFacts): boolean {
  const main = sshd.files.find((file) => file.path === sshdMain)?.lines ?? [];
  const match = main.findIndex((line) => /^\s*match\s/i.test(line));
  const include = main.findIndex((line) => /^\s*include\s+(.*\s)?"?(\/etc\/ssh\/)?sshd_config\.d\/\*\.conf"?(\s|$)/i.test(line));
  return include >= 0 && (match < 0 || include < match);
}

/** Ports that sshd itself is set to listen on. */
export function configuredPorts(sshd: SshdFacts): number[] {
  const bound = sshdValues(sshd, 'listenaddress').map((value) => value.slice(value.lastIndexOf(':') + 1));
  return [...new Set([...sshdValues(sshd, 'port'), ...bound].map(whole))].filter((port) => port !== null && port > 0 && port < 65536) as number[];
}
