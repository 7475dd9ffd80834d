import type { Sections } from '../probe.ts';
import { read, whole } from './reading.ts';

export type Scope = 'loopback' | 'private' | 'global' | 'wildcard';

export interface Address {
  interface: string;
  family: 4 | 6;
  address: string;
  prefix: number;
  scope: Scope;
}

export interface Route {
  family: 4 | 6;
  /** `default` or a prefix such as 10.0.0.0/8. */
  to: string;
  via: string | null;
  interface: string | null;
}

/** The server's end of the SSH connection this probe came through: a port proved to be in use. */
export interface Connection {
  clientAddress: string;
  address: string;
  port: number;
}

export interface NetworkFacts {
  addresses: Address[];
  routes: Route[];
  connection: Connection | null;
  resolvers: string[];
}

/** What can reach a listener bound to this address. Text that is no address counts as global, the careful reading. */
export function scopeOf(address: string): Scope {
  const text = address.replace(/^\[|\]$/g, '').toLowerCase();
  if (text === '*' || text === '0.0.0.0' || text === '::') return 'wildcard';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  const v4 = ipv4Number(mapped ?? text);
  if (v4 !== null) return scopeOfV4(v4);
  if (text === '::1') return 'loopback';
  return /^(?:f[cd]|fe[89ab])/.test(text) ? 'private' : 'global';
}

function scopeOfV4(value: number): Scope {
  const within = (cidr: string) => contains(cidr, value);
  if (within('127.0.0.0/8')) return 'loopback';
  return ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'].some(within) ? 'private' : 'global';
}

export function ipv4Number(text: string): number | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return null;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** The first and last address of an IPv4 prefix; a bare address is a /32. */
export function ipv4Range(cidr: string): [number, number] | null {
  const [base = '', bits = '32'] = cidr.split('/');
  const start = ipv4Number(base);
  const length = whole(bits);
  if (start === null || length === null || length > 32) return null;
  const size = 2 ** (32 - length);
  const first = Math.floor(start / size) * size;
  return [first, first + size - 1];
}

function contains(cidr: string, value: number): boolean {
  const range = ipv4Range(cidr);
  return range !== null && value >= range[0] && value <= range[1];
}

/** Whether two IPv4 prefixes share an address; never for text that is no IPv4 prefix. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [ipv4Range(one), ipv4Range(other)];
  return a !== null && b !== null && a[0] <= b[1] && b[0] <= a[1];
}

export function parseNetwork(sections: Sections): NetworkFacts {
  return {
    addresses: read(sections, 'addresses').flatMap(parseAddress),
    routes: read(sections, 'routes').flatMap(parseRoute),
    connection: parseConnection(read(sections, 'ssh_connection')[0]),
    resolvers: read(sections, 'resolvers'),
  };
}

function parseAddress(line: string): Address[] {
  const found = /^\d+: +([^ @]{1,15})(?:@\S+)? +inet(6?) ([0-9a-f.:]+)(?:\/(\d{1,3}))?(?: |$)/i.exec(line);
  if (found === null) return [];
  const [, name = '', six, address = '', bits] = found;
  const family = six === '6' ? 6 : 4;
  return [
    { interface: name, family, address, prefix: bits === undefined ? (family === 6 ? 128 : 32) : Number(bits), scope: scopeOf(address) },
  ];
}

function parseRoute(line: string): Route[] {
  const found = /^(?:unicast )?(default|[0-9a-f.:]+(?:\/\d{1,3})?)(?: |$)/i.exec(line);
  if (found === null) return [];
  const via = /(?:^| )via ([0-9a-f.:]+)/i.exec(line)?.[1] ?? null;
  const to = found[1] ?? '';
  const family = to.includes(':') || (via ?? '').includes(':') || / pref (?:low|medium|high)/.test(line) ? 6 : 4;
  return [{ family, to, via, interface: /(?:^| )dev (\S{1,15})/.exec(line)?.[1] ?? null }];
}

function parseConnection(line: string | undefined): Connection | null {
  const [clientAddress, , address, port] = (line ?? '').split(' ');
  const value = whole(port);
  if (clientAddress === undefined || address === undefined || value === null || value < 1 || value > 65535) return null;
  return { clientAddress, address, port: value };
}
