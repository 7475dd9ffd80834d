import { type AddressInfo, type Socket, createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { Fault } from '../../core/fault.ts';
import { openShell } from '../../workers/ssh.ts';
import { type Sshd, type SshdOptions, startSshd } from '../support/sshd.ts';

const live = new AbortController().signal;
let sshd: Sshd | undefined;
const start = async (options?: SshdOptions): Promise<Sshd> => (sshd = await startSshd(options));
afterEach(() => sshd?.stop());

/** A listener on loopback that does with each connection what it is told. */
async function listen(answer: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

describe('a pinned connection', () => {
  test('logs in with a signature made elsewhere, runs a command and forwards a port', async () => {
    const host = await start();
    let challenges = 0;
    const sign = (challenge: Uint8Array): Promise<Uint8Array> => {
      challenges++;
      return host.sign(challenge);
    };
    const connection = await openShell(host.target, sign, live);
    expect(challenges).toBe(1);
    await connection.ping();
    const server = await listen((socket) => socket.end('hello'));
    const stream = await connection.forward(server.port);
    const said: string[] = [];
    for await (const chunk of stream) said.push(String(chunk));
    expect(said.join('')).toBe('hello');
    server.close();
    await expect(connection.forward(1)).rejects.toMatchObject({ reason: 'forward_refused' });
    connection.close();
  });

  test('a changed host key stops it before anything is sent, naming both fingerprints', async () => {
    const host = await start();
    await host.rekey();
    let signed = false;
    const sign = async (challenge: Uint8Array): Promise<Uint8Array> => {
      signed = true;
      return host.sign(challenge);
    };
    const fault = await openShell(host.target, sign, live).catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({ code: 'host_key_changed', reason: 'host_key_changed' });
    const pinned = host.target.hostKeys[0]?.fingerprint ?? '';
    expect((fault as Fault).message).toContain(pinned);
    expect((fault as Fault).message.match(/SHA256:[A-Za-z0-9+/]{43}/g)).toHaveLength(2);
    expect(signed).toBe(false);
  });

  test.each<[string, SshdOptions, string]>([
    ['a key that is not accepted', { config: ['PubkeyAuthentication no'] }, 'key_refused'],
    ['an account that is not allowed', { config: ['AllowUsers somebody-else'] }, 'key_refused'],
  ])('%s is named', async (_, options, reason) => {
    const host = await start(options);
    await expect(openShell(host.target, host.sign, live)).rejects.toMatchObject({ code: 'host_unreachable', reason });
  });

  test.each<[string, SshdOptions, string]>([
    ['sudo that asks for a password', { sudo: '#!/bin/sh\necho "sudo: a password is required" >&2; exit 1\n' }, 'sudo_password'],
    ['sudo that wants a terminal', { sudo: '#!/bin/sh\necho "sudo: sorry, you must have a tty to run sudo" >&2; exit 1\n' }, 'sudo_tty'],
    ['no sudo', { sudo: '#!/nonexistent\n' }, 'sudo_missing'],
    ['a shell that only says no', { sudo: '#!/bin/sh\necho This account is not available; exit 1\n' }, 'shell_broken'],
    ['a shell that is no POSIX sh', { sudo: '#!/bin/sh\nexec cat\n' }, 'shell_broken'],
  ])(
    '%s is named when the session starts',
    async (_, options, reason) => {
      const host = await start(options);
      const connection = await openShell(host.target, host.sign, live);
      const began = connection.session('run_a', 1);
      await expect(began).rejects.toMatchObject({ reason });
      connection.close();
    },
    60_000,
  );

  test('a connection that ends under a session or a command is a lost connection, not a broken shell', async () => {
    const endsSshd =
      '#!/bin/sh\nat=$PPID; until grep -q sshd "/proc/$at/comm"; do at=$(cut -d " " -f 4 "/proc/$at/stat"); done\nkill -s KILL "$at"\n';
    const host = await start({ sudo: endsSshd });
    const connection = await openShell(host.target, host.sign, live);
    await expect(connection.session('run_a', 1)).rejects.toMatchObject({ reason: 'connection_lost' });
    await expect(connection.ping()).rejects.toMatchObject({ reason: 'connection_lost' });
  });

  test('forwarding that is switched off is named', async () => {
    const host = await start({ config: ['AllowTcpForwarding no'] });
    const connection = await openShell(host.target, host.sign, live);
    await expect(connection.forward(host.port)).rejects.toMatchObject({ reason: 'forwarding_off' });
    connection.close();
  });

  test('nobody listening, something that is not SSH, a silent door and a name without an address are told apart', async () => {
    const host = await start();
    host.stop();
    const reasonNow = () => openShell(host.target, host.sign, live).then(String, (thrown: Fault) => thrown.reason);
    // An sshd that is ending may still take a connection and drop it.
    await expect.poll(reasonNow, { timeout: 20_000 }).toBe('refused');
    const other = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const reason = await openShell({ ...host.target, port: other.port }, host.sign, live).catch((thrown: Fault) => thrown.reason);
    expect(['not_ssh', 'too_many_startups']).toContain(reason);
    other.close();
    await expect(openShell({ ...host.target, address: 'nowhere.invalid' }, host.sign, live)).rejects.toMatchObject({
      reason: 'dns_failed',
    });
  });

  test('a refused signature keeps its own Fault, and a cancel ends the wait', async () => {
    const host = await start();
    const refusing = (): Promise<Uint8Array> => Promise.reject(new Fault('superseded', 'not your run'));
    await expect(openShell(host.target, refusing, live)).rejects.toMatchObject({ code: 'superseded' });
    const silent = await listen(() => undefined);
    const cancel = AbortSignal.timeout(200);
    await expect(openShell({ ...host.target, port: silent.port }, host.sign, cancel)).rejects.toMatchObject({ code: 'cancelled' });
    silent.close();
  });
});
