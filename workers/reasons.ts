import { Fault } from '../core/fault.ts';
import type { Target } from '../core/runs.ts';

interface Known {
  reason: string;
  message: string;
  hint: string;
}

const known = {
  refused: { message: 'refused the connection', hint: 'check that sshd runs there and listens on this port' },
  timed_out: {
    message: 'did not answer in time',
    hint: 'check the address, the port and every firewall on the way, the cloud provider’s too',
  },
  unreachable_network: {
    message: 'cannot be reached from here: there is no route',
    hint: 'check the address and the network between the control plane and the server',
  },
  dns_failed: { message: 'has a name that does not resolve', hint: 'check the DNS record, or use the address itself' },
  key_refused: {
    message: 'refused the login with our key',
    hint: 'check the kipper account, its authorized_keys and AllowUsers in sshd_config; or enrol the server again',
  },
  too_many_startups: {
    message: 'closed the connection before the login',
    hint: 'sshd limits unfinished logins (MaxStartups, PerSourcePenalties); try again in a minute',
  },
  not_ssh: { message: 'answers, but not as an SSH server', hint: 'check the port: something else may listen there' },
  no_common_algorithm: { message: 'offers no SSH algorithm that Kipper accepts', hint: 'update OpenSSH there to 7.4 or newer' },
  connection_lost: { message: 'closed the connection', hint: 'the server may be rebooting or its network may be down; try again' },
  forwarding_off: { message: 'does not let us forward a port', hint: 'set `AllowTcpForwarding local` for the user kipper in sshd_config' },
  sudo_password: {
    message: 'asks for a password when the kipper account uses sudo',
    hint: 'check /etc/sudoers.d/kipper: it has to say NOPASSWD: ALL',
  },
  sudo_tty: { message: 'wants a terminal for sudo', hint: 'remove `requiretty` for the user kipper in sudoers' },
  sudo_missing: { message: 'has no sudo', hint: 'install the package sudo' },
  shell_broken: {
    message: 'has a shell that does not run our commands',
    hint: 'log in and run `sudo -n /bin/sh -c "echo ok"`; check the login shell and the profile of the user kipper',
  },
} as const;

export type Reason = keyof typeof known;

/** One sentence about this server for a doctor's cause; nothing the peer sent is in it. */
export function hostFault(target: Target, reason: Reason, cause?: unknown): Fault {
  const { message, hint }: Omit<Known, 'reason'> = known[reason];
  return new Fault('host_unreachable', {
    message: `${target.serverName} (${target.address} port ${target.port}) ${message}`,
    hint,
    reason,
    cause,
  });
}

interface SshError extends Error {
  level?: string;
  code?: string | number;
}

const byCode: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timed_out',
  EHOSTUNREACH: 'unreachable_network',
  ENETUNREACH: 'unreachable_network',
  EADDRNOTAVAIL: 'unreachable_network',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
};

/** The doctor's cause of an error that ssh2 raised before the login was done. */
export function reasonOf(error: SshError, greeted: boolean): Reason {
  const code = typeof error.code === 'string' ? byCode[error.code] : undefined;
  if (code !== undefined) return code;
  switch (error.level) {
    case 'client-authentication':
    case 'agent':
      return 'key_refused';
    case 'client-timeout':
      return 'timed_out';
    case 'handshake':
    case 'protocol':
      return /no matching/i.test(error.message) ? 'no_common_algorithm' : 'not_ssh';
    default:
      return greeted ? 'connection_lost' : 'too_many_startups';
  }
}

/** What a session's first words on stderr say when no root shell came up. */
export function sessionReason(stderr: string, exit: number | null): Reason {
  if (/password is required|no askpass/i.test(stderr)) return 'sudo_password';
  if (/must have a tty|no tty present|terminal is required/i.test(stderr)) return 'sudo_tty';
  if (/sudo: (?:command )?not found|sudo: No such file|not in the sudoers/i.test(stderr) || exit === 127) return 'sudo_missing';
  return 'shell_broken';
}
