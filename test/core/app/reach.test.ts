import { describe, expect, it } from 'vitest';
import type { AppPlace } from '../../../core/app/names.ts';
import { appObjects } from '../../../core/app/objects.ts';
import { inCidr, reaches, type Endpoint } from '../../../core/app/reach.ts';
import { appSpec } from '../../../core/app/spec.ts';

const placeOf = (project: string, environment: string, app: string): AppPlace => ({
  app,
  project,
  environment,
  host: `${app}.example.com`,
  nodeAddresses: ['203.0.113.7', '2001:db8::7'],
  releaseId: 'rel_01jhw00000aaaaaaaaaaaaaaaa',
});
const spec = appSpec.parse({ image: 'x:1', port: 3000 });
const policies = [...appObjects(placeOf('shop', 'production', 'web'), spec), ...appObjects(placeOf('shop', 'test', 'web'), spec)].filter(
  (object) => object.kind === 'NetworkPolicy',
);

const pod = (namespace: string, labels: Record<string, string>): Endpoint => ({
  namespace,
  namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
  labels,
});
const web = pod('shop-production', { 'kipper.run/app': 'web' });
const neighbour = pod('shop-production', { 'kipper.run/app': 'db' });
const elsewhere = pod('shop-test', { 'kipper.run/app': 'web' });
const traefik = pod('kipper-ingress', { 'app.kubernetes.io/name': 'traefik' });
const dns = pod('kube-system', { 'k8s-app': 'kube-dns' });
const tcp = (from: Endpoint, to: Endpoint, port: number) => reaches(policies, { from, to, port, protocol: 'TCP' });

describe('the default policies', () => {
  it('let in our Traefik on the app’s port only', () => {
    expect(tcp(traefik, web, 3000)).toBe(true);
    expect(tcp(traefik, web, 22)).toBe(false);
    expect(tcp(pod('kipper-ingress', { app: 'other' }), web, 3000)).toBe(false);
    expect(tcp(pod('elsewhere', { 'app.kubernetes.io/name': 'traefik' }), web, 3000)).toBe(false);
  });

  it('keep environments apart in both directions', () => {
    expect(tcp(web, neighbour, 5432)).toBe(true);
    expect(tcp(web, elsewhere, 3000)).toBe(false);
    expect(tcp(elsewhere, web, 3000)).toBe(false);
  });

  it('let out to DNS and the internet, not to private ranges, metadata or the node', () => {
    expect(reaches(policies, { from: web, to: dns, port: 53, protocol: 'UDP' })).toBe(true);
    expect(tcp(web, dns, 8181)).toBe(false);
    expect(tcp(web, { address: '198.51.100.20' }, 443)).toBe(true);
    expect(tcp(web, { address: '2001:db8:ffff::1' }, 443)).toBe(true);
    for (const address of [
      '10.43.0.1',
      '172.20.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '100.100.100.200',
      '168.63.129.16',
      '203.0.113.7',
      '2001:db8::7',
      'fd00:ec2::254',
      'fe80::1',
    ]) {
      expect(tcp(web, { address }, 443), address).toBe(false);
    }
  });

  it('would let everybody in if `from` were lost: why every object is read back', () => {
    const broken = policies.map((policy) =>
      policy.metadata.name === 'web-ingress' ? { ...policy, spec: { ...(policy['spec'] as object), ingress: [{}] } } : policy,
    );
    expect(reaches(broken, { from: pod('elsewhere', {}), to: web, port: 22, protocol: 'TCP' })).toBe(true);
  });
});

describe('inCidr', () => {
  it('compares by bits in both families', () => {
    expect(inCidr('10.1.2.3', '10.0.0.0/8')).toBe(true);
    expect(inCidr('11.1.2.3', '10.0.0.0/8')).toBe(false);
    expect(inCidr('2001:db8::1', '2001:db8::/32')).toBe(true);
    expect(inCidr('::1', '0.0.0.0/0')).toBe(false);
    expect(inCidr('8.8.8.8', '0.0.0.0/0')).toBe(true);
  });
});
