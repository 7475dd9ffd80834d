import { causes, type Cause, type CauseName } from './causes.ts';

/** A cause by its name; one that an older record holds and we no longer know is `unknown`. */
export function causeOf(name: string): Cause {
  return isCause(name) ? { name, ...causes[name] } : { name: 'unknown', ...causes.unknown };
}

export function isCause(name: string): name is CauseName {
  return Object.hasOwn(causes, name);
}

/** What is known of a connection that did not come about. Text of a peer is read only after its host key proved right. */
export interface Trouble {
  /** The system's code: ECONNREFUSED, ENOTFOUND… */
  code?: string;
  /** How far the SSH client said it came. */
  level?: string;
  message?: string;
  /** Of the first command over a proven connection: what it wrote on standard error, and how it ended. */
  stderr?: string;
  exitCode?: number;
}

const systemCodes: Readonly<Record<string, CauseName>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timed_out',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  ENETUNREACH: 'unreachable_network',
  EHOSTUNREACH: 'unreachable_network',
  EADDRNOTAVAIL: 'unreachable_network',
  EPIPE: 'connection_lost',
};

const levels: Readonly<Record<string, CauseName>> = {
  'client-dns': 'dns_failed',
  'client-authentication': 'key_refused',
  'client-timeout': 'timed_out',
};

/** In this order: the first that fits names the cause. */
const spoken: readonly [RegExp, CauseName][] = [
  [/host key (?:verification failed|denied)|host denied/i, 'host_key_changed'],
  [/a password is required|password for kipper|incorrect password/i, 'sudo_password'],
  [/must have a tty|no tty present|a terminal is required/i, 'sudo_tty'],
  [/sudo: (?:command )?not found|sudo: not found|no such file.*sudo/i, 'sudo_missing'],
  [/not (?:in the sudoers|allowed to (?:execute|run))|may not run sudo/i, 'sudo_refused'],
  [/administratively prohibited|open failed|port forwarding is disabled/i, 'forwarding_off'],
  [/account is currently not available|only sftp connections|this account is (?:locked|disabled)|nologin/i, 'shell_broken'],
  [/exceeded MaxStartups|connection (?:lost|closed) before handshake|ended by other party|before (?:the )?banner/i, 'too_many_startups'],
  [/no matching|unsupported (?:algorithm|cipher)|key exchange/i, 'no_common_algorithm'],
  [/invalid (?:identification|greeting|protocol)|protocol version mismatch|banner/i, 'not_ssh'],
  [/all configured authentication methods failed|permission denied \(publickey/i, 'key_refused'],
  [/too many authentication failures/i, 'key_refused'],
  [/read-only file system/i, 'read_only_root'],
  [/no space left on device/i, 'disk_full'],
  [/could not get lock|unable to acquire the dpkg|dpkg frontend lock/i, 'dpkg_locked'],
  [/dpkg was interrupted|dpkg --configure -a/i, 'dpkg_broken'],
  [/failed to fetch|could not resolve|temporary failure resolving|unable to locate package|connection timed out.*(?:http|apt)/i, 'repository_down'],
  [/timed out|timeout/i, 'timed_out'],
  [/econnreset|connection reset|socket hang up|broken pipe/i, 'connection_lost'],
];

/** Names what stands between us and a server, so that a person reads a next step instead of a stack. */
export function classifyTrouble(trouble: Trouble): Cause {
  if (trouble.exitCode === 127 && /sudo/.test(trouble.stderr ?? '')) return causeOf('sudo_missing');
  const text = `${trouble.message ?? ''}\n${trouble.stderr ?? ''}`;
  const heard = spoken.find(([pattern]) => pattern.test(text))?.[1];
  const named = systemCodes[trouble.code ?? ''] ?? heard ?? levels[trouble.level ?? ''];
  if (named === undefined && trouble.code === 'ECONNRESET') return causeOf('connection_lost');
  if (named === undefined && trouble.exitCode !== undefined && trouble.exitCode >= 126) return causeOf('shell_broken');
  return causeOf(named ?? 'unknown');
}

/** The page docs/doctor.md. */
export function renderCauses(): string {
  const phases = [...new Set(Object.values(causes).map((cause) => cause.phase))];
  const parts = phases.map((phase) => {
    const rows = Object.entries(causes)
      .filter(([, cause]) => cause.phase === phase)
      .map(([name, cause]) => `| \`${name}\` | ${cell(cause.sentence)} | ${cell(cause.hint)} |`);
    return `## ${headings[phase]}\n\n| cause | what it means | next step |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# The doctor\n\nWhat can stand between Kipper and a server, by the name that \`kip server show\`, runs and the API give it.\nMade from \`core/server/causes.ts\` by \`bin/node bin/docs.ts\`; do not edit.\n\n${parts.join('\n')}`;
}

const headings: Readonly<Record<Cause['phase'], string>> = {
  enrol: 'While the enrolment script runs',
  connect: 'While the worker connects with our key',
  become_root: 'While it becomes root on the server',
  prepare: 'Before and while software is installed',
  install: 'Before k3s is installed',
};

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
