import type { K3sFacts } from '../../core/k3s/facts.ts';
import type { K3sWish } from '../../core/k3s/wish.ts';

/** A good server with cgroup v2 and nothing on it. */
export const bareFacts: K3sFacts = {
  architecture: 'amd64',
  memoryBytes: 4 * 1024 ** 3,
  diskFreeBytes: 40 * 1024 ** 3,
  nodeAddress: '203.0.113.7',
  addresses: ['203.0.113.7', '2001:db8::7'],
  routes: [
    { destination: 'default', device: 'eth0' },
    { destination: '203.0.113.0/24', device: 'eth0' },
  ],
  listeners: [{ port: 22, protocol: 'tcp', process: 'sshd' }],
  cgroupVersion: 2,
  missingModules: [],
  clockSkewMs: 400,
  marker: null,
  k3sPresent: false,
  dockerPresent: false,
  panel: null,
};

export const k3sWish: K3sWish = {
  clusterId: 'cls_1',
  clusterName: 'shop',
  version: 'v1.36.4+k3s1',
  domain: '203-0-113-7.sslip.io',
  tlsSans: ['203.0.113.7'],
  kernelSettings: true,
  artefacts: [
    { name: 'k3s', version: 'v1.36.4+k3s1', sha256: 'a'.repeat(64), bytes: 70 * 1024 ** 2 },
    {
      name: 'k3s-airgap-images',
      version: 'v1.36.4+k3s1',
      sha256: 'b'.repeat(64),
      bytes: 200 * 1024 ** 2,
      file: 'k3s-airgap-images.tar.zst',
    },
    { name: 'traefik-image', version: 'v3.7.13', sha256: 'c'.repeat(64), bytes: 0, image: 'docker.io/library/traefik:v3.7.13' },
  ],
};
