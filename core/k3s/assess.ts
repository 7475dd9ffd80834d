import type { Finding } from '../control.ts';
import type { K3sFacts } from './facts.ts';
import { limits } from './preflight.ts';
import type { K3sWish } from './wish.ts';

/** What an install goes on with, but a person should know. */
export function assessK3s(wish: Pick<K3sWish, 'kernelSettings'>, facts: K3sFacts): Finding[] {
  return [...cgroup(facts), ...memory(facts), ...disk(facts), ...docker(facts), ...kernel(wish)];
}

function cgroup(facts: K3sFacts): Finding[] {
  if (facts.cgroupVersion === 2) return [];
  return [
    {
      control: 'k3s-cgroup-v1',
      title: 'cgroup v1 is used',
      severity: 'medium',
      evidence: '/sys/fs/cgroup is cgroup v1; the kubelet is told to accept it (failCgroupV1: false)',
      hint: 'boot with systemd.unified_cgroup_hierarchy=1 or a newer release of the distribution; Kubernetes will drop cgroup v1',
      standards: [],
      remedy: 'owner',
    },
  ];
}

function memory(facts: K3sFacts): Finding[] {
  if (facts.memoryBytes >= limits.memoryWantedBytes) return [];
  return [
    {
      control: 'k3s-memory',
      title: 'little memory for a cluster',
      severity: 'medium',
      evidence: `${(facts.memoryBytes / 1024 ** 3).toFixed(1)} GiB of memory; 2 GiB are recommended`,
      hint: 'give the server 2 GiB or more before running apps that matter',
      standards: [],
      remedy: 'owner',
    },
  ];
}

function disk(facts: K3sFacts): Finding[] {
  if (facts.diskFreeBytes >= limits.diskWantedBytes) return [];
  return [
    {
      control: 'k3s-disk',
      title: 'little room for images',
      severity: 'low',
      evidence: `${(facts.diskFreeBytes / 1024 ** 3).toFixed(1)} GiB free below /var/lib; 10 GiB are recommended`,
      hint: 'the kubelet removes unused images when the disk fills; give it a larger disk',
      standards: [],
      remedy: 'owner',
    },
  ];
}

function docker(facts: K3sFacts): Finding[] {
  if (!facts.dockerPresent) return [];
  return [
    {
      control: 'k3s-docker',
      title: 'Docker runs beside k3s',
      severity: 'medium',
      evidence: 'docker is installed on this server; it sets the iptables FORWARD policy to DROP and publishes ports past the firewall',
      hint: 'move its containers to apps of the cluster, then apt-get purge docker.io or docker-ce',
      standards: [],
      remedy: 'owner',
    },
  ];
}

function kernel(wish: Pick<K3sWish, 'kernelSettings'>): Finding[] {
  if (wish.kernelSettings) return [];
  return [
    {
      control: 'k3s-kernel-defaults',
      title: 'kernel settings are not protected',
      severity: 'low',
      evidence: 'without hardening the kubelet changes kernel settings by itself (protect-kernel-defaults is false)',
      hint: 'run kip cluster harden',
      standards: ['CIS 4.2.6'],
      remedy: 'skipped',
    },
  ];
}
