import type { Architecture } from './catalogue.ts';

/** What installing k3s has to know of a host. `clusterFacts` in preflight's neighbour reads it out of the server's facts. */
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
