import { Fault } from '../fault.ts';
import type { ServerFacts } from '../server/facts.ts';
import type { Architecture } from './catalogue.ts';

/** What installing k3s has to know of a host. */
export interface K3sFacts {
  architecture: Architecture;
  memoryBytes: number;
  /** Free space of the file system that holds /var/lib. */
  diskFreeBytes: number;
  /** The address of the default route: the node's own. */
  nodeAddress: string;
  /** Every address of the host, IPv4 and IPv6, without prefix. */
  addresses: string[];
  /** Destinations of the host's IPv4 routes in CIDR form, and the interface each leaves by. */
  routes: { destination: string; device: string }[];
  listeners: { port: number; protocol: 'tcp' | 'udp'; process: string }[];
  cgroupVersion: 1 | 2;
  /** Modules that the kernel neither has built in nor can load. */
  missingModules: string[];
  /** The host's clock minus ours. */
  clockSkewMs: number;
  /** The content of our marker, if it is there. */
  marker: { clusterId: string; version: string } | null;
  k3sPresent: boolean;
  dockerPresent: boolean;
  /** A server panel such as plesk or cpanel, by name. */
  panel: string | null;
}

const panels = ['cpanel', 'plesk', 'directadmin', 'hestia', 'aapanel', 'ispconfig', 'coolify', 'dokploy', 'caprover', 'proxmox'];
const otherKubernetes = ['rke2', 'microk8s', 'kubernetes'];

/** The part of a server's facts that matters here. `nowMs` is our own clock when the probe answered; `address` the one we reach it by. */
export function clusterFacts(server: ServerFacts, nowMs: number, address: string): K3sFacts {
  const names = new Set(server.present.map((one) => one.name));
  const disk = server.disks.find((one) => one.path === '/var/lib') ?? server.disks.find((one) => one.path === '/');
  return {
    architecture: architectureOf(server.arch),
    memoryBytes: server.memoryBytes ?? 0,
    diskFreeBytes: disk?.freeBytes ?? 0,
    nodeAddress: nodeAddressOf(server, address),
    addresses: [...new Set(server.network.addresses.filter((one) => one.scope !== 'loopback').map((one) => one.address))],
    routes: server.network.routes.flatMap((route) =>
      route.family === 4 ? [{ destination: route.to, device: route.interface ?? '' }] : [],
    ),
    listeners: server.listeners.map((one) => ({ port: one.port, protocol: one.protocol, process: one.process ?? '' })),
    cgroupVersion: server.cgroup === 'v1' ? 1 : 2,
    missingModules: missingModules(server),
    clockSkewMs: server.epochSeconds === null ? 0 : server.epochSeconds * 1000 - nowMs,
    marker: markerOf(server.ownFiles['/etc/kipper/k3s.json']),
    k3sPresent: server.k3s !== 'none' || otherKubernetes.some((name) => names.has(name)),
    dockerPresent: names.has('docker'),
    panel: panels.find((name) => names.has(name)) ?? null,
  };
}

/** A kernel that shows no module at all has them built in or keeps its list from us: then k3s itself has the last word. */
function missingModules(server: ServerFacts): string[] {
  if (Object.values(server.modules).every((state) => state === 'missing')) return [];
  return ['overlay', 'br_netfilter', 'nf_conntrack'].filter(
    (name) => server.modules[name] === 'missing' && !server.filesystems.includes(name),
  );
}

function architectureOf(machine: string): Architecture {
  if (machine === 'x86_64' || machine === 'amd64') return 'amd64';
  if (machine === 'aarch64' || machine === 'arm64') return 'arm64';
  throw new Fault('host_refused', {
    message: `k3s has no build for the processor ${machine || 'of this server'}`,
    reason: 'arch_unsupported',
    hint: 'use a server with amd64 or arm64',
  });
}

/** The IPv4 address of the interface that the default route leaves by; the one we connect to where the host holds it. */
function nodeAddressOf(server: ServerFacts, address: string): string {
  const usable = server.network.addresses.filter(
    (one) => one.family === 4 && one.scope !== 'loopback' && !one.address.startsWith('169.254.'),
  );
  if (usable.some((one) => one.address === address)) return address;
  const device = server.network.routes.find((route) => route.family === 4 && route.to === 'default')?.interface;
  const found = usable.find((one) => one.interface === device) ?? usable[0];
  if (found === undefined) {
    throw new Fault('host_refused', {
      message: 'the server has no IPv4 address that pods could use',
      reason: 'no_ipv4',
      hint: 'give it a private or public IPv4 address and a default route',
    });
  }
  return found.address;
}

function markerOf(lines: readonly string[] | undefined): K3sFacts['marker'] {
  try {
    const value = JSON.parse((lines ?? []).join('')) as { clusterId?: unknown; version?: unknown };
    if (typeof value.clusterId !== 'string' || typeof value.version !== 'string') return null;
    return { clusterId: value.clusterId.slice(0, 64), version: value.version.slice(0, 64) };
  } catch {
    return null;
  }
}
