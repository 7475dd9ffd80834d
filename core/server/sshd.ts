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

const includesOurs = /^\s*include\s+(?:.*\s)?"?(?:\/etc\/ssh\/)?sshd_config\.d\/(?:\*|00-kipper)\.conf"?(?:\s|$)/i;

function mainLines(sshd: SshdFacts): string[] {
  return sshd.files.find((file) => file.path === sshdMain)?.lines ?? [];
}

/** Whether our drop-in file is read: an Include that covers it, outside any Match block. */
export function readsDropin(sshd: SshdFacts): boolean {
  const match = mainLines(sshd).findIndex((line) => /^\s*match\s/i.test(line));
  const include = mainLines(sshd).findIndex((line) => includesOurs.test(line));
  return include >= 0 && (match < 0 || include < match);
}

/** Lines that sshd reads before our drop-in: the first value of a keyword wins, so ours cannot change these. */
export function decidedBefore(sshd: SshdFacts): { path: string; line: string; keyword: string }[] {
  const main = mainLines(sshd);
  const include = main.findIndex((line) => includesOurs.test(line));
  const before = sshd.files.flatMap((file) => {
    if (file.path === sshdMain) return main.slice(0, Math.max(include, 0)).map((line) => ({ path: file.path, line }));
    if (file.path >= sshdDropin) return [];
    const match = file.lines.findIndex((line) => /^\s*match\s/i.test(line));
    return file.lines.slice(0, match < 0 ? file.lines.length : match).map((line) => ({ path: file.path, line }));
  });
  return before.map((each) => ({ ...each, line: each.line.trim(), keyword: (each.line.trim().split(/[\s=]+/)[0] ?? '').toLowerCase() }));
}

/** Ports that sshd itself is set to listen on. */
export function configuredPorts(sshd: SshdFacts): number[] {
  const bound = sshdValues(sshd, 'listenaddress').map((value) => value.slice(value.lastIndexOf(':') + 1));
  return [...new Set([...sshdValues(sshd, 'port'), ...bound].map(whole))].filter(
    (port) => port !== null && port > 0 && port < 65536,
  ) as number[];
}
