import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { artifactsFile, folder } from '../../lab/paths.ts';
import { until } from '../../lab/shell.ts';

const root = resolve(import.meta.dirname, '../../..');

/** A real control plane: bin/up with a data folder of its own, reachable from the lab's hosts. */
export interface Plane {
  url: string;
  pin: string;
  email: string;
  password: string;
  folder: string;
  log(): string;
  /** Process ids of the parts. */
  pids(part: 'serve' | 'work'): number[];
  /** Of the worker that holds an SSH connection to this address now. */
  workerAt(address: string): number | undefined;
  stop(): Promise<void>;
}

export async function startPlane(lab: Lab, options: { port: number; workers: number }): Promise<Plane> {
  const url = `https://${lab.network.gateway}:${options.port}`;
  const place = folder(lab.folder, 'plane');
  const name = 'control-plane';
  const args = ['--data', join(place, 'data'), '--public', url, '--workers', String(options.workers)];
  const { stop } = await lab.serve(name, join(root, 'bin/up'), args, { KIPPER_ARTIFACTS: artifactsFile });
  const up = lab.record.servers.at(-1)?.pid ?? 0;
  const log = (): string => readFileSync(join(lab.folder, '..', `${name}.log`), 'utf8');
  const link = await until('the setup link', 180_000, () => /https:\/\/\S+\/setup\/[A-Za-z0-9_-]+/.exec(log())?.[0]);
  const plane: Plane = {
    ...{ url, email: 'ada@example.com', password: 'correct horse battery', folder: place, log, stop },
    pin: /its pin is (sha256\/\/\S+)/.exec(log())?.[1] ?? '',
    pids: (part) => childrenOf(up).filter((pid) => commandOf(pid).includes(`kipper.mjs ${part} `)),
    workerAt: (address) => plane.pids('work').find((pid) => connectsTo(pid, address)),
  };
  await acceptSetup(link, plane);
  return plane;
}

/** What the API answers to a person who is signed in with kip. */
export function readApi<T>(plane: Plane, configDir: string, path: string): Promise<T> {
  const { accessToken } = JSON.parse(readFileSync(join(configDir, 'kip.json'), 'utf8')) as { accessToken: string };
  return new Promise((done, fail) => {
    const headers = { authorization: `Bearer ${accessToken}` };
    const asked = request(`${plane.url}${path}`, { rejectUnauthorized: false, headers }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => (body += text));
      answer.on('end', () => done(JSON.parse(body) as T));
    });
    asked.on('error', fail);
    asked.end();
  });
}

export async function acceptSetup(link: string, person: { email: string; password: string }): Promise<void> {
  const form = new URLSearchParams({ organization: 'Lab', email: person.email, password: person.password }).toString();
  const status = await new Promise<number>((done, fail) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': form.length };
    const asked = request(link, { method: 'POST', rejectUnauthorized: false, headers }, (answer) => {
      answer.resume();
      done(answer.statusCode ?? 0);
    });
    asked.on('error', fail);
    asked.end(form);
  });
  if (status !== 201) throw new Error(`the setup link answered ${status}`);
}

/** A file of /proc; empty when its process has ended. */
const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
    .filter(Boolean)
    .map(Number);
}

/** Whether one of the process's sockets goes to port 22 of this IPv4 address, from the kernel's own table. */
function connectsTo(pid: number, address: string): boolean {
  const hex = Buffer.from(address.split('.').map(Number).toReversed()).toString('hex').toUpperCase();
  const inodes = textOf(`/proc/${pid}/net/tcp`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2] === `${hex}:0016` && fields[3] === '01')
    .map((fields) => `socket:[${fields[9]}]`);
  return inodes.length > 0 && socketsOf(pid).some((socket) => inodes.includes(socket));
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    // ended, or closed one while we looked
    return [];
  }
}
