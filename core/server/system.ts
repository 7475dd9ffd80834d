import type { Sections } from '../probe.ts';
import { read, readPairs, whole } from './reading.ts';

export interface Disk {
  path: string;
  bytes: number;
  freeBytes: number;
}

export interface SystemFacts {
  os: { id: string; like: string[]; version: string; name: string };
  arch: string;
  kernel: string;
  hostname: string;
  machineId: string | null;
  init: string;
  systemd: boolean;
  /** As systemd-detect-virt names it; `none` on bare metal, empty when it cannot tell. */
  virt: string;
  cpus: number | null;
  memoryBytes: number | null;
  swapBytes: number | null;
  epochSeconds: number | null;
  clockSynchronized: boolean;
  cgroup: 'v1' | 'v2' | 'unknown';
  selinux: 'enforcing' | 'permissive' | 'off';
  /** Disk space where these paths lie, in bytes: `/`, `/var`, `/var/lib`, `/tmp`. */
  disks: Disk[];
  mounts: { path: string; type: string; options: string[] }[];
}

export function parseSystem(sections: Sections): SystemFacts {
  const system = readPairs(sections, 'system');
  return {
    os: parseOs(read(sections, 'os')),
    arch: system['arch'] ?? '',
    kernel: system['kernel'] ?? '',
    hostname: system['hostname'] ?? '',
    machineId: /^[0-9a-f]{32}$/.exec(system['machine-id'] ?? '')?.[0] ?? null,
    init: system['init'] ?? '',
    systemd: system['systemd'] === 'yes',
    virt: system['virt'] ?? '',
    cpus: whole(system['cpus']),
    memoryBytes: kib(system['memory-kib']),
    swapBytes: kib(system['swap-kib']),
    epochSeconds: whole(system['epoch']),
    clockSynchronized: system['synchronized'] === 'yes',
    cgroup: cgroupOf(system['cgroup']),
    selinux: system['selinux'] === '1' ? 'enforcing' : system['selinux'] === '0' ? 'permissive' : 'off',
    disks: parseDisks(read(sections, 'disks')),
    mounts: read(sections, 'mounts').map((line) => {
      const [path = '', type = '', options = ''] = line.split(' ');
      return { path, type, options: options.split(',').filter((option) => /^[a-z]+$/.test(option)) };
    }),
  };
}

function cgroupOf(type: string | undefined): SystemFacts['cgroup'] {
  if (type === 'cgroup2fs') return 'v2';
  return type === 'tmpfs' ? 'v1' : 'unknown';
}

function kib(text: string | undefined): number | null {
  const value = whole(text);
  return value === null ? null : value * 1024;
}

function parseOs(lines: readonly string[]): SystemFacts['os'] {
  const values = new Map(lines.map((line) => [line.split('=')[0] ?? '', (line.split(/=(.*)/s)[1] ?? '').replaceAll(/^["']|["']$/g, '')]));
  return {
    id: values.get('ID') ?? '',
    like: (values.get('ID_LIKE') ?? '').split(' ').filter(Boolean),
    version: values.get('VERSION_ID') ?? '',
    name: values.get('PRETTY_NAME') ?? values.get('NAME') ?? '',
  };
}

/** `df -Pk` answers in the order it was asked, a row a path. */
function parseDisks(lines: readonly string[]): Disk[] {
  const asked = ['/', '/var', '/var/lib', '/tmp'];
  return lines.slice(1).flatMap((line, index): Disk[] => {
    const [, total, , free] = /\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s/.exec(line) ?? [];
    const path = asked[index];
    return path === undefined || total === undefined || free === undefined
      ? []
      : [{ path, bytes: Number(total) * 1024, freeBytes: Number(free) * 1024 }];
  });
}
