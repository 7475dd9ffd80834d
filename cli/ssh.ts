import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import { environment } from './config.ts';

/** Where the person's own ssh goes. Every value was checked; the host stands behind `--`. */
export interface SshPlace {
  host: string;
  user?: string;
  port?: number;
  identity?: string;
}

export interface HostKey {
  /** One known_hosts line, as ssh wrote it. */
  line: string;
  algorithm: string;
  fingerprint: string;
}

export interface SshOutcome {
  exit: number;
  stdout: string;
  stderr: string;
}

/** Becomes root where the account is not; a sudo that wants a password says so and nothing has run. */
export const asRoot = 'if [ "$(id -u)" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi';
const keyTypes = ['', 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'];
const outputMax = 8 * 1024 * 1024;

/** A folder of this call that holds the one accepted host key, and its removal. */
export function makeTrust(): { file: string; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'kip-ssh-'));
  return { file: join(folder, 'known_hosts'), close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The host key that the server shows; with `wanted`, the key types are tried until one has that fingerprint. */
export async function shownHostKey(place: SshPlace, wanted: string | null): Promise<HostKey> {
  const seen: HostKey[] = [];
  let said = '';
  for (const type of keyTypes) {
    const trust = makeTrust();
    try {
      const ask = [
        '-o',
        'BatchMode=yes',
        '-o',
        'PreferredAuthentications=none',
        '-o',
        'StrictHostKeyChecking=accept-new',
        ...(type === '' ? [] : ['-o', `HostKeyAlgorithms=${type}`]),
      ];
      said = (await runSsh(place, trust.file, ask, 'true', { input: '', quiet: true })).stderr;
      seen.push(...readKeys(trust.file));
    } finally {
      trust.close();
    }
    const match = seen.find((key) => wanted === null || key.fingerprint === wanted);
    if (match !== undefined) return match;
    if (seen.length === 0) break;
  }
  if (seen.length === 0) throw unreachable(place, said);
  throw new Fault('host_key_changed', {
    message: `${place.host} shows ${seen.map((key) => key.fingerprint).join(' and ')}, not ${wanted}`,
    field: '--host-key',
    hint: 'compare with the provider’s console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the server. If they differ, somebody may sit in between',
  });
}

function readKeys(file: string): HostKey[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [, algorithm, base64] = line.split(' ');
    if (algorithm === undefined || base64 === undefined) return [];
    const digest = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64').replace(/=+$/, '');
    return [{ line, algorithm, fingerprint: `SHA256:${digest}` }];
  });
}

function unreachable(place: SshPlace, said: string): Fault {
  const last = said.trim().split('\n').at(-1) ?? '';
  return new Fault('host_unreachable', {
    message: `ssh cannot reach ${place.host}${last === '' ? '' : `: ${last}`}`,
    hint: 'check the address and the port; try the same by hand with ssh',
  });
}

/** Runs one constant command by the person's ssh, trusting only the key in `file`. */
export function runTrusted(
  place: SshPlace,
  key: HostKey,
  command: string,
  options: { input: string | null; terminal?: boolean; onLine?: (line: string) => void },
): Promise<SshOutcome> {
  const trust = makeTrust();
  writeFileSync(trust.file, `${key.line}\n`, { mode: 0o600 });
  const more = ['-o', 'StrictHostKeyChecking=yes', ...(options.terminal === true ? ['-t'] : ['-T'])];
  return runSsh(place, trust.file, more, command, {
    input: options.input,
    quiet: false,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  }).finally(() => trust.close());
}

interface RunOptions {
  /** null: the person's terminal. */
  input: string | null;
  quiet: boolean;
  onLine?: (line: string) => void;
}

function runSsh(place: SshPlace, knownHosts: string, more: string[], command: string, options: RunOptions): Promise<SshOutcome> {
  const args = [
    ...[
      '-o',
      `UserKnownHostsFile=${knownHosts}`,
      '-o',
      'GlobalKnownHostsFile=/dev/null',
      '-o',
      'HashKnownHosts=no',
      '-o',
      'UpdateHostKeys=no',
    ],
    ...['-o', 'ControlPath=none', '-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=15'],
    ...more,
    ...(place.port === undefined ? [] : ['-p', String(place.port)]),
    ...(place.user === undefined ? [] : ['-l', place.user]),
    ...(place.identity === undefined ? [] : ['-i', place.identity, '-o', 'IdentitiesOnly=yes']),
    '--',
    place.host,
    command,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { env: environment.inherited, stdio: [options.input === null ? 'inherit' : 'pipe', 'pipe', 'pipe'] });
    const out = collector(options.onLine);
    const err = collector(undefined);
    child.stdout?.on('data', (part: Buffer) => out.add(part));
    child.stderr?.on('data', (part: Buffer) => {
      err.add(part);
      if (!options.quiet) process.stderr.write(part);
    });
    child.on('error', (cause) =>
      reject(new Fault('unavailable', { message: 'cannot start ssh', hint: 'install an OpenSSH client', cause })),
    );
    child.on('close', (code) => resolve({ exit: code ?? 255, stdout: out.end(), stderr: err.end() }));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

function collector(onLine: ((line: string) => void) | undefined): { add(part: Buffer): void; end(): string } {
  let text = '';
  let told = 0;
  const tell = (upTo: number) => {
    for (const line of text.slice(told, upTo).split('\n').slice(0, -1)) onLine?.(line.replace(/\r$/, ''));
    told = upTo;
  };
  return {
    add(part) {
      if (text.length < outputMax) text += part.toString('utf8');
      tell(text.lastIndexOf('\n') + 1);
    },
    end: () => text,
  };
}
