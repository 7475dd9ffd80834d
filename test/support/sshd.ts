import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../../core/runs.ts';
import type { Sign } from '../../workers/agent.ts';

export interface SshdOptions {
  /** The shell that sessions run: an absolute path, or words such as `/bin/busybox ash`. */
  shell?: string;
  /** More lines of sshd_config. */
  config?: string[];
  /** Text of the `sudo` that sessions find, in place of the honest one. */
  sudo?: string;
}

export interface Sshd {
  target: Target;
  sign: Sign;
  /** KIPPER_HOME of its sessions. */
  home: string;
  /** An empty folder for the test's own files. */
  folder: string;
  port: number;
  /** Gives the host another key, as a reinstalled machine would have. */
  rekey(): Promise<void>;
  stop(): void;
}

/** A real sshd on loopback, as the current user, with its own keys, and `sudo` and `/bin/sh` replaced by the shell under test. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'kipper-sshd-'));
  chmodSync(folder, 0o755);
  const place = (name: string): string => join(folder, name);
  for (const name of ['bin', 'home', 'work', 'units']) mkdirSync(place(name), { mode: 0o700 });
  makeKey(place('host_key'));
  makeKey(place('login_key'));
  writeFileSync(place('authorized_keys'), readFileSync(place('login_key.pub')), { mode: 0o600 });
  writeFileSync(place('bin/sudo'), options.sudo ?? honestSudo(options.shell ?? '/bin/sh'), { mode: 0o755 });
  chmodSync(place('bin/sudo'), 0o755);
  const port = await freePort();
  writeFileSync(place('sshd_config'), config(folder, port, options.config ?? []));
  let sshd = await run(place('sshd_config'), port);
  return {
    target: targetOf(folder, port),
    sign: signer(place('login_key')),
    home: place('home'),
    folder: place('work'),
    port,
    rekey: async () => {
      sshd.kill('SIGTERM');
      makeKey(place('host_key'));
      sshd = await run(place('sshd_config'), port);
    },
    stop: () => {
      sshd.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function honestSudo(shell: string): string {
  return `#!/bin/sh\nshift\nif [ "$1" = setsid ]; then shift 3; exec setsid -w ${shell} "$@"; fi\nshift\nexec ${shell} "$@"\n`;
}

function makeKey(file: string): void {
  rmSync(file, { force: true });
  rmSync(`${file}.pub`, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
}

function config(folder: string, port: number, more: string[]): string {
  return [
    ...more,
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${folder}/host_key`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    `PidFile ${folder}/pid`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    // bash reads ~/.bashrc for ssh sessions of the first level only: the machine's own start-up is no part of a test.
    `SetEnv SHLVL=2 PATH=${folder}/bin:/usr/bin:/bin:/usr/sbin:/sbin KIPPER_HOME=${folder}/home KIPPER_UNITS=${folder}/units`,
    '',
  ].join('\n');
}

function targetOf(folder: string, port: number): Target {
  const blob = Buffer.from(readFileSync(join(folder, 'host_key.pub'), 'utf8').split(' ')[1] ?? '', 'base64');
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
  return {
    serverId: 'srv_test',
    serverName: 'web-1',
    address: '127.0.0.1',
    port,
    user: userInfo().username as 'kipper',
    hostKeys: [{ algorithm: 'ssh-ed25519', fingerprint }],
    publicKey: readFileSync(join(folder, 'login_key.pub'), 'utf8').trim(),
  };
}

/** What the control plane does with a challenge, here with a key file of ssh-keygen's. */
export function signer(file: string): Sign {
  const seed = seedOf(readFileSync(file, 'utf8'));
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
  return async (challenge) => Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x40', 'latin1'), sign(null, challenge, key)]);
}

/** PROTOCOL.key of OpenSSH: the private section holds the seed followed by the public key, as one string of 64 bytes. */
function seedOf(openssh: string): Buffer {
  const bytes = Buffer.from(openssh.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const at = bytes.lastIndexOf(Buffer.from('\0\0\0\x40', 'latin1'));
  return bytes.subarray(at + 4, at + 36);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function run(file: string, port: number): Promise<ChildProcess> {
  mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  sshd.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  for (let tries = 0; tries < 100; tries++) {
    if (sshd.exitCode !== null) throw new Error(`sshd ended: ${said}`);
    if (await answers(port)) return sshd;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error(`sshd does not answer: ${said}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
