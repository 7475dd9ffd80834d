import { createHash } from 'node:crypto';
import { connect as dial } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import ssh2 from 'ssh2';
import type { Client, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2';
import { Fault } from '../core/fault.ts';
import type { Target } from '../core/runs.ts';
import { RemoteAgent, type Sign } from './agent.ts';
import { hostFault, reasonOf } from './reasons.ts';
import { type Output, type Session, runOnce, startSession } from './session.ts';
import { sendUpload } from './upload.ts';

/** One pinned SSH connection to a host. */
export interface Connection {
  /** A root shell that holds the host's lease; ends an older session of this or an earlier run. */
  session(run: string, fence: number): Promise<Session>;
  /** One call of the host library in a root shell of its own, without taking the lease. Returns its exit code. */
  once(run: string, fence: number, name: string, data: Record<string, string>, onOutput: Output): Promise<number>;
  /** Runs `true`: the login works and commands run. */
  ping(): Promise<void>;
  /** A stream to 127.0.0.1:port on the host. */
  forward(port: number): Promise<Duplex>;
  /** Sends an artefact to the host's upload folder, where the `file` action takes it from; checked there by size and digest. */
  upload(content: Readable, bytes: number, sha256: string, fence: number): Promise<void>;
  /** Aborted when the connection has ended, by us or not. */
  readonly lost: AbortSignal;
  close(): void;
}

const handshakeMs = 20_000;
const keepaliveMs = 10_000;
/** Constant text: values go over standard input. setsid makes the shell leader of a group that a later run can end as a whole. */
const rootShell = 'sudo -n setsid -w /bin/sh -s';

const algorithmsOf: Readonly<Record<string, ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Pinned kinds first, so that an honest host presents a key that we know; the others so that a changed one can be named. */
function hostKeyOrder(target: Target): ServerHostKeyAlgorithm[] {
  const pinned = target.hostKeys.flatMap((key) => algorithmsOf[key.algorithm] ?? []);
  return [...new Set([...pinned, ...Object.values(algorithmsOf).flat()])];
}

function changedKey(target: Target, presented: string): Fault {
  const pinned = target.hostKeys.map((key) => key.fingerprint).join(', ') || 'none';
  return new Fault('host_key_changed', {
    message: `${target.serverName} presented the host key ${presented}; pinned is ${pinned}`,
    hint: `nothing was sent to it; if you reinstalled this machine, run: kip server invite ${target.serverName}`,
    reason: 'host_key_changed',
  });
}

/**
 * Connects, checks the pinned host key before anything is sent, and logs in with signatures made by `sign`.
 * `address` is where the target was found; who calls has judged it. Throws Faults whose `reason` is a cause of the doctor.
 */
export function openShell(target: Target, sign: Sign, signal: AbortSignal, address = target.address): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const agent = new RemoteAgent(target.publicKey, sign);
    let refused: Fault | undefined;
    let greeted = false;
    const socket = dial({ host: address, port: target.port, noDelay: true });
    const fail = (fault: unknown): void => {
      signal.removeEventListener('abort', abort);
      client.destroy();
      socket.destroy();
      reject(fault);
    };
    const abort = (): void => fail(signal.reason instanceof Fault ? signal.reason : new Fault('cancelled', 'the run was cancelled'));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    client.on('greeting', () => (greeted = true));
    client.on('handshake', () => (greeted = true));
    client.on('ready', () => {
      signal.removeEventListener('abort', abort);
      resolve(connectionOf(client, target));
    });
    client.on('error', (error) => fail(agent.refusal ?? refused ?? hostFault(target, reasonOf(error, greeted), error)));
    client.on('close', () => fail(agent.refusal ?? refused ?? hostFault(target, greeted ? 'connection_lost' : 'too_many_startups')));
    client.connect({
      sock: socket,
      username: target.user,
      agent,
      authHandler: ['agent'],
      readyTimeout: handshakeMs,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyOrder(target) },
      hostVerifier: (key: Buffer) => {
        const presented = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
        if (target.hostKeys.some((pinned) => pinned.fingerprint === presented)) return true;
        refused = changedKey(target, presented);
        return false;
      },
    });
  });
}

function connectionOf(client: Client, target: Target): Connection {
  const lost = new AbortController();
  client.on('close', () => lost.abort(hostFault(target, 'connection_lost')));
  const exec = (command: string): Promise<ClientChannel> => openChannel(client, target, command);
  return {
    lost: lost.signal,
    session: async (run, fence) => startSession(await exec(rootShell), target, run, fence),
    once: async (run, fence, name, data, onOutput) => runOnce(await exec(rootShell), target, run, fence, name, data, onOutput),
    ping: async () => {
      const channel = await exec('true');
      const code = await exitOf(channel);
      // No exit code at all: the connection ended under the command.
      if (code !== 0) throw hostFault(target, code === null ? 'connection_lost' : 'shell_broken');
    },
    forward: (port) =>
      new Promise((resolve, reject) => {
        client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, (error, channel) => {
          if (error === undefined) return resolve(channel);
          reject(forwardFault(target, port, error));
        });
      }),
    upload: async (content, bytes, sha256, fence) => sendUpload(exec, target, content, bytes, sha256, fence),
    close: () => client.end(),
  };
}

function openChannel(client: Client, target: Target, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const refuse = (error?: unknown): void => reject(hostFault(target, 'connection_lost', error));
    try {
      client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : refuse(error)));
    } catch (thrown) {
      refuse(thrown);
    }
  });
}

function exitOf(channel: ClientChannel): Promise<number | null> {
  return new Promise((resolve) => {
    let code: number | null = null;
    channel.on('exit', (exit: number | null) => (code = exit));
    channel.on('close', () => resolve(code));
    channel.resume();
    channel.stderr.resume();
    channel.end();
  });
}

/** RFC 4254, 5.1: reason 1 is administratively prohibited, 2 is connect failed. */
function forwardFault(target: Target, port: number, error: Error & { reason?: number }): Fault {
  if (error.reason === 1) return hostFault(target, 'forwarding_off', error);
  return new Fault('host_unreachable', {
    message: `nothing answers on 127.0.0.1:${port} of ${target.serverName}`,
    hint: 'if this is a cluster, its API server may be starting: try again in a minute',
    reason: 'forward_refused',
    cause: error,
  });
}
