import { Fault } from '../fault.ts';
import type { K3sFacts } from './facts.ts';
import { podNetwork, serviceNetwork, type K3sWish } from './wish.ts';

export const limits = {
  memoryFloorBytes: 1.5 * 1024 ** 3,
  memoryWantedBytes: 2 * 1024 ** 3,
  diskFloorBytes: 4 * 1024 ** 3,
  diskWantedBytes: 10 * 1024 ** 3,
  clockSkewMs: 60_000,
} as const;

/** Ports that k3s and the ingress listen on. */
export const neededPorts: readonly { port: number; protocol: 'tcp' | 'udp' }[] = [
  { port: 80, protocol: 'tcp' },
  { port: 443, protocol: 'tcp' },
  { port: 6443, protocol: 'tcp' },
  { port: 6444, protocol: 'tcp' },
  { port: 8472, protocol: 'udp' },
  { port: 10010, protocol: 'tcp' },
  { port: 10248, protocol: 'tcp' },
  { port: 10249, protocol: 'tcp' },
  { port: 10250, protocol: 'tcp' },
  { port: 10256, protocol: 'tcp' },
  { port: 10257, protocol: 'tcp' },
  { port: 10258, protocol: 'tcp' },
  { port: 10259, protocol: 'tcp' },
];

/** What a standing k3s of ours holds on its own ports. */
const ownProcesses = /^(?:k3s(?:-server|-agent)?|traefik|containerd|kubelet|kube-)/;

/** Every reason why k3s cannot be installed here, worst first; empty when nothing stands against it. */
export function preflight(wish: Pick<K3sWish, 'clusterId'>, facts: K3sFacts): Fault[] {
  const ours = facts.marker?.clusterId === wish.clusterId;
  return [
    ...foreign(facts, wish.clusterId),
    ...panel(facts),
    ...memory(facts),
    ...disk(facts),
    ...(ours ? [] : ports(facts)),
    ...overlaps(facts),
    ...modules(facts),
    ...clock(facts),
  ];
}

function refuse(reason: string, message: string, hint: string): Fault {
  return new Fault('host_refused', { reason, message, hint });
}

function foreign(facts: K3sFacts, clusterId: string): Fault[] {
  if (facts.marker !== null && facts.marker.clusterId !== clusterId) {
    return [
      refuse(
        'k3s_foreign',
        `this server already is the cluster ${facts.marker.clusterId}`,
        'remove that cluster first with kip cluster remove, or choose another server',
      ),
    ];
  }
  if (!facts.k3sPresent || facts.marker !== null) return [];
  return [
    refuse(
      'k3s_foreign',
      'a k3s that Kipper did not install stands on this server',
      'it is left alone; audit it with kip server audit, or remove it with /usr/local/bin/k3s-uninstall.sh and try again',
    ),
  ];
}

function panel(facts: K3sFacts): Fault[] {
  if (facts.panel === null) return [];
  return [
    refuse(
      'panel_present',
      `the server panel ${facts.panel} runs here and would fight over ports 80 and 443`,
      'use a server without a panel, or remove it first',
    ),
  ];
}

function memory(facts: K3sFacts): Fault[] {
  if (facts.memoryBytes >= limits.memoryFloorBytes) return [];
  return [
    refuse(
      'memory_low',
      `this server has ${gib(facts.memoryBytes)} of memory; k3s with its ingress needs at least 1.5 GiB`,
      'give it 2 GiB or more',
    ),
  ];
}

function disk(facts: K3sFacts): Fault[] {
  if (facts.diskFreeBytes >= limits.diskFloorBytes) return [];
  return [
    refuse(
      'disk_low',
      `only ${gib(facts.diskFreeBytes)} are free below /var/lib; at least 4 GiB are needed`,
      'make room, for example with apt-get clean and journalctl --vacuum-size=100M',
    ),
  ];
}

function ports(facts: K3sFacts): Fault[] {
  const taken = neededPorts.flatMap((need) =>
    facts.listeners.filter((one) => one.port === need.port && one.protocol === need.protocol && !ownProcesses.test(one.process)),
  );
  if (taken.length === 0) return [];
  const names = [...new Set(taken.map((one) => `${one.port}/${one.protocol} (${one.process || 'unknown program'})`))];
  const first = taken[0];
  return [
    refuse(
      'ports_taken',
      `ports that the cluster needs are taken: ${names.join(', ')}`,
      `see who listens with ss -lntup, stop it (for example systemctl disable --now ${first?.process || 'NAME'}) and try again`,
    ),
  ];
}

function overlaps(facts: K3sFacts): Fault[] {
  const found = [podNetwork, serviceNetwork].flatMap((network) =>
    facts.routes
      .filter(
        (route) => !/^(?:cni0|flannel|kube-)/.test(route.device) && route.destination !== 'default' && overlap(network, route.destination),
      )
      .map((route) => `${route.destination} on ${route.device}`),
  );
  if (found.length === 0) return [];
  return [
    refuse(
      'cidr_overlap',
      `the host's own network overlaps the cluster's ${podNetwork} and ${serviceNetwork}: ${[...new Set(found)].join(', ')}`,
      'move that network to another range, or use another server',
    ),
  ];
}

function modules(facts: K3sFacts): Fault[] {
  if (facts.missingModules.length === 0) return [];
  return [
    refuse(
      'modules_missing',
      `the kernel lacks modules that pods need: ${facts.missingModules.join(', ')}`,
      'install the full kernel of the distribution (apt-get install linux-image-amd64 or linux-image-arm64) and reboot',
    ),
  ];
}

function clock(facts: K3sFacts): Fault[] {
  if (Math.abs(facts.clockSkewMs) <= limits.clockSkewMs) return [];
  const direction = facts.clockSkewMs > 0 ? 'ahead of' : 'behind';
  return [
    refuse(
      'clock_skew',
      `the server's clock is ${Math.round(Math.abs(facts.clockSkewMs) / 1000)} s ${direction} ours; certificates would not be valid`,
      'run timedatectl set-ntp true, wait until it is synchronised and try again',
    ),
  ];
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

/** Whether two IPv4 networks share an address; anything that is not IPv4 CIDR shares none. */
export function overlap(a: string, b: string): boolean {
  const left = network(a);
  const right = network(b);
  if (left === null || right === null) return false;
  const bits = Math.min(left.bits, right.bits);
  const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
  return (left.address & mask) >>> 0 === (right.address & mask) >>> 0;
}

function network(text: string): { address: number; bits: number } | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (found === null) return null;
  const octets = found.slice(1, 5).map(Number);
  const bits = found[5] === undefined ? 32 : Number(found[5]);
  if (octets.some((octet) => octet > 255) || bits > 32) return null;
  return { address: octets.reduce((sum, octet) => sum * 256 + octet, 0), bits };
}
