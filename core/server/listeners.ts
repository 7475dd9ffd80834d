import type { Sections } from '../probe.ts';
import { type Scope, scopeOf } from './network.ts';
import { read, whole } from './reading.ts';

export interface Listener {
  protocol: 'tcp' | 'udp';
  /** As bound, without brackets: `0.0.0.0`, `::`, `*` (both families) or one address. */
  address: string;
  port: number;
  scope: Scope;
  /** The program that holds it; systemd when a socket unit waits for the first connection. */
  process: string | null;
  units: string[];
}

export interface SocketUnit {
  listen: string;
  unit: string;
  activates: string | null;
}

const row = /^(udp|tcp)\s+\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\((.*)\))?\s*$/;

/** The rows of `ss -H -lntup`, each with the units that own it. `unread` are rows in a shape we do not know. */
export function parseListeners(sections: Sections): { listeners: Listener[]; sockets: SocketUnit[]; unread: string[] } {
  const sockets = read(sections, 'sockets').flatMap(parseSocket);
  const unitOf = new Map(read(sections, 'listener_units').flatMap(parseOwner));
  const listeners: Listener[] = [];
  const unread: string[] = [];
  for (const line of read(sections, 'listeners')) {
    const listener = parseRow(line, unitOf, sockets);
    if (listener === null) unread.push(line.slice(0, 200));
    else if (!listeners.some((other) => same(other, listener))) listeners.push(listener);
  }
  return { listeners, sockets, unread };
}

function parseRow(line: string, unitOf: ReadonlyMap<string, string>, sockets: readonly SocketUnit[]): Listener | null {
  const found = row.exec(line);
  const port = whole(found?.[3]);
  if (found === null || port === null || port > 65535) return null;
  const [local = '', device] = (found[2] ?? '').split('%');
  const address = local.replace(/^\[|\]$/g, '');
  const names: string[] = [];
  const units = new Set<string>();
  for (const holder of (found[4] ?? '').matchAll(/\("([^"]{0,64})",pid=(\d+),fd=\d+\)/g)) {
    names.push(holder[1] ?? '');
    const unit = unitOf.get(holder[2] ?? '');
    if (unit !== undefined && unit !== 'init.scope') units.add(unit);
  }
  for (const socket of sockets) if (listensOn(socket.listen, address, port)) units.add(socket.unit);
  return {
    protocol: found[1] === 'udp' ? 'udp' : 'tcp',
    address,
    port,
    scope: device === 'lo' ? 'loopback' : scopeOf(address),
    process: names.find((name) => name !== 'systemd') ?? names[0] ?? null,
    units: [...units],
  };
}

/** systemd prints a bare port as `[::]:22` or `*:22`, depending on its version. */
function listensOn(listen: string, address: string, port: number): boolean {
  const at = listen.lastIndexOf(':');
  if (at < 0 || listen.slice(at + 1) !== String(port)) return false;
  const bound = listen
    .slice(0, at)
    .replace(/^\[|\]$/g, '')
    .split('%')[0];
  return bound === address || (scopeOf(bound ?? '') === 'wildcard' && scopeOf(address) === 'wildcard');
}

function parseSocket(line: string): SocketUnit[] {
  const found = /^(\S.*?)\s+(\S+\.socket)\s+(\S+)?/.exec(line);
  if (found === null) return [];
  return [{ listen: found[1] ?? '', unit: found[2] ?? '', activates: found[3] ?? null }];
}

/** The innermost service or socket of a process's cgroup; pods count as `kubepods`. */
function parseOwner(line: string): [string, string][] {
  const found = /^(\d+) (\/\S*)/.exec(line);
  if (found === null) return [];
  const parts = (found[2] ?? '').split('/');
  if (parts.some((part) => part.startsWith('kubepods'))) return [[found[1] ?? '', 'kubepods']];
  const unit = parts.findLast((part) => /\.(?:service|socket|scope)$/.test(part));
  return unit === undefined ? [] : [[found[1] ?? '', unit]];
}

function same(one: Listener, other: Listener): boolean {
  return one.protocol === other.protocol && one.address === other.address && one.port === other.port && one.process === other.process;
}

/** `udp 0.0.0.0:111 (rpcbind)`, as a person sees it in `ss`. */
export function describeListener(listener: Listener): string {
  const address = listener.address.includes(':') ? `[${listener.address}]` : listener.address;
  return `${listener.protocol} ${address}:${listener.port}${listener.process === null ? '' : ` (${listener.process})`}`;
}
