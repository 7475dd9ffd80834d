import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../core/fault.ts';
import { environment } from './config.ts';
import { atExit } from './interrupt.ts';
import { clean } from './output.ts';

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

const keyTypes = ['', 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'];
const outputMax = 8 * 1024 * 1024;

/** A folder of this call that holds the one accepted host key, and its removal. */
export function makeTrust(): { file: string; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'kip-ssh-'));
  return { file: join(folder, 'known_hosts'), close: atExit(() => rmSync(folder, { recursive: true, force: true })) };
}

/** The host key that the server shows; with `wanted`, the key types are tried until one has that fingerprint. */
export async function shownHostKey(place: SshPlace, wanted: string | null): Promise<HostKey> {
  const seen: HostKey[] = [];
  let said = '';
  for (const type of keyTypes) {
    const trust = makeTrust();
    try {
      const ask = options([
        'BatchMode=yes',
        'PreferredAuthentications=none',
        'StrictHostKeyChecking=accept-new',
        ...(type === '' ? [] : [`HostKeyAlgorithms=${type}`]),
      ]);
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
  const last = said.trim().split('\n').at(-1)?.trim() ?? '';
  return new Fault('host_unreachable', {
    message: `your ssh cannot reach ${place.host}${last === '' ? '' : ` (${clean(last)})`}`,
    hint: 'check the address and the port, and try the same by hand with ssh',
  });
}

/** Runs one constant command by the person's ssh, trusting only the key in `file`. */
export function runTrusted(
  place: SshPlace,
  key: HostKey,
  command: string,
  how: Partial<RunOptions> & Pick<RunOptions, 'input'> & { terminal?: boolean },
): Promise<SshOutcome> {
  const trust = makeTrust();
  writeFileSync(trust.file, `${key.line}\n`, { mode: 0o600 });
  const more = ['-o', 'StrictHostKeyChecking=yes', ...(how.terminal === true ? ['-t'] : ['-T'])];
  return runSsh(place, trust.file, more, command, { quiet: false, ...how }).finally(() => trust.close());
}

interface RunOptions {
  /** null: the person's terminal. */
  input: string | null;
  quiet: boolean;
  onLine?: (line: string) => void;
  /** Each part of its output as it arrives. */
  onPart?: (part: string) => void;
}

/**
 * Options win over the person's ~/.ssh/config, in which jump hosts, users and keys stay theirs. Agent and ports are not forwarded to a
 * machine that nobody has looked at yet, and only the one confirmed key is trusted.
 */
const fixed = [
  'GlobalKnownHostsFile=/dev/null',
  'HashKnownHosts=no',
  'UpdateHostKeys=no',
  'VerifyHostKeyDNS=no',
  'ControlPath=none',
  'ConnectTimeout=15',
  'ServerAliveInterval=15',
  'ForwardAgent=no',
  'ForwardX11=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
];

const options = (values: string[]) => values.flatMap((value) => ['-o', value]);

/** ssh reads its own escapes in file names: spaces need quotes, and % is doubled. */
const quoted = (file: string) => `"${file.replaceAll('%', '%%')}"`;

function placeArgs(place: SshPlace): string[] {
  return [
    ...(place.port === undefined ? [] : ['-p', String(place.port)]),
    ...(place.user === undefined ? [] : ['-l', place.user]),
    ...(place.identity === undefined ? [] : ['-i', place.identity, '-o', 'IdentitiesOnly=yes']),
    '--',
    place.host,
  ];
}

/** Where the person's ssh really goes: their configuration may know the host by another name. Nothing is connected. */
export async function resolvedPlace(place: SshPlace): Promise<{ address: string; port: number }> {
  const { exit, stdout } = await spawnSsh(['-G', ...placeArgs(place)], { input: '', quiet: true });
  const value = (name: string) =>
    stdout
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1);
  if (exit !== 0) return { address: place.host, port: place.port ?? 22 };
  return { address: value('hostname') ?? place.host, port: Number(value('port') ?? place.port ?? 22) };
}

function runSsh(place: SshPlace, knownHosts: string, more: string[], command: string, how: RunOptions): Promise<SshOutcome> {
  const trust = options([`UserKnownHostsFile=${quoted(knownHosts)}`, ...fixed]);
  return spawnSsh([...trust, ...more, ...placeArgs(place), command], how);
}

function spawnSsh(args: string[], how: RunOptions): Promise<SshOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { env: environment.inherited, stdio: [how.input === null ? 'inherit' : 'pipe', 'pipe', 'pipe'] });
    const out = collector(how.onLine);
    const err = collector(undefined);
    child.stdout?.on('data', (part: Buffer) => {
      out.add(part);
      how.onPart?.(part.toString('utf8'));
    });
    child.stderr?.on('data', (part: Buffer) => {
      err.add(part);
      if (!how.quiet) process.stderr.write(part);
    });
    child.on('error', (cause) =>
      reject(new Fault('unavailable', { message: 'cannot start ssh', hint: 'install an OpenSSH client', cause })),
    );
    child.on('close', (code) => resolve({ exit: code ?? 255, stdout: out.end(), stderr: err.end() }));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(how.input ?? '');
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
