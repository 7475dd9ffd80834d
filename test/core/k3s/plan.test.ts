import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { assessK3s } from '../../../core/k3s/assess.ts';
import { renderAdmission, renderAudit, renderConfig, renderKubelet, renderUnit } from '../../../core/k3s/config.ts';
import type { K3sFacts } from '../../../core/k3s/facts.ts';
import { edgeWish } from '../../../core/k3s/install.ts';
import { planK3s } from '../../../core/k3s/plan.ts';
import { overlap, preflight } from '../../../core/k3s/preflight.ts';
import { defaultDomain } from '../../../core/k3s/wish.ts';
import { makePlan, renderPlan } from '../../../core/plan.ts';
import { bareFacts, k3sWish } from '../../support/k3s-facts.ts';

const golden = (name: string) => `../../golden/k3s/${name}`;

describe('what is written before the first start', () => {
  test('the files are these, byte for byte', async () => {
    await expect(renderConfig(k3sWish, bareFacts)).toMatchFileSnapshot(golden('config.yaml'));
    await expect(renderAdmission()).toMatchFileSnapshot(golden('psa.yaml'));
    await expect(renderAudit()).toMatchFileSnapshot(golden('audit.yaml'));
    await expect(renderKubelet()).toMatchFileSnapshot(golden('90-kipper.conf'));
    await expect(renderUnit()).toMatchFileSnapshot(golden('k3s.service'));
    await expect(renderPlan(makePlan(k3sWish, planK3s(k3sWish, bareFacts)))).toMatchFileSnapshot(golden('plan.txt'));
  });

  test('Secrets are encrypted, the kubeconfig is 0600, NodeRestriction stays, EventRateLimit has the limits it cannot start without', () => {
    const config = parse(renderConfig(k3sWish, bareFacts)) as Record<string, unknown>;
    expect(config).toMatchObject({ 'secrets-encryption': true, 'write-kubeconfig-mode': '0600', 'protect-kernel-defaults': true });
    expect(config['kube-apiserver-arg']).toContain('enable-admission-plugins=NodeRestriction,EventRateLimit,DenyServiceExternalIPs');
    const plugins = (parse(renderAdmission()) as { plugins: { name: string; configuration: { limits?: unknown[] } }[] }).plugins;
    expect(plugins.find((one) => one.name === 'EventRateLimit')?.configuration.limits).toHaveLength(2);
  });

  test('T62 no plan holds a secret: k3s makes its own token on the host', () => {
    const text = JSON.stringify(planK3s(k3sWish, bareFacts));
    expect(text).not.toMatch(/PRIVATE KEY|agent-token|\btoken:|K10[0-9a-f]{64}|kpe_|kpr_/);
  });

  test('no audit rule above Metadata can see a Secret or ConfigMap, and all four levels are used (P9)', () => {
    const { rules } = parse(renderAudit()) as {
      rules: { level: string; resources?: { group: string; resources?: string[] }[]; nonResourceURLs?: string[] }[];
    };
    const first = rules.find(
      (rule) =>
        rule.nonResourceURLs === undefined &&
        (rule.resources ?? [{ group: '', resources: ['secrets'] }]).some(
          (one) => one.group === '' && (one.resources ?? ['secrets']).includes('secrets'),
        ),
    );
    expect(first?.level).toBe('Metadata');
    expect(new Set(rules.map((rule) => rule.level))).toEqual(new Set(['None', 'Metadata', 'Request', 'RequestResponse']));
  });

  test('files with settings are 0600, the marker comes before the binary, an image that is pulled is not sent', () => {
    const steps = planK3s(k3sWish, bareFacts);
    const ids = steps.map((step) => step.id);
    expect(ids.indexOf('k3s/marker')).toBeLessThan(ids.indexOf('k3s/artefact-k3s'));
    expect(ids).not.toContain('k3s/artefact-traefik-image');
    for (const id of ['k3s/config', 'k3s/admission', 'k3s/audit'])
      expect(steps.find((step) => step.id === id)).toMatchObject({ mode: '0600', owner: 'root' });
  });

  test('cgroup v1 gets the kubelet drop-in and a Finding; v2 gets neither', () => {
    const old: K3sFacts = { ...bareFacts, cgroupVersion: 1 };
    expect(planK3s(k3sWish, old).map((step) => step.id)).toContain('k3s/kubelet');
    expect(assessK3s(k3sWish, old).map((one) => one.control)).toEqual(['k3s-cgroup-v1']);
    expect(planK3s(k3sWish, bareFacts).map((step) => step.id)).not.toContain('k3s/kubelet');
    expect(assessK3s(k3sWish, bareFacts)).toEqual([]);
  });

  test('an image without an archive is pulled by its digest, an archive that was brought along is never pulled', () => {
    expect(edgeWish(k3sWish.artefacts, bareFacts)).toMatchObject({
      image: `docker.io/library/traefik@sha256:${'c'.repeat(64)}`,
      imported: false,
    });
    const brought = k3sWish.artefacts.map((one) => (one.name === 'traefik-image' ? { ...one, bytes: 9 } : one));
    expect(edgeWish(brought, bareFacts)).toMatchObject({ image: 'docker.io/library/traefik:v3.7.13', imported: true });
  });
});

describe('preflight', () => {
  const reasons = (parts: Partial<K3sFacts>) => preflight({ clusterId: 'cls_1' }, { ...bareFacts, ...parts }).map((fault) => fault.reason);

  test('a good server passes', () => expect(reasons({})).toEqual([]));

  test.each<[string, Partial<K3sFacts>]>([
    ['ports_taken', { listeners: [{ port: 443, protocol: 'tcp', process: 'nginx' }] }],
    ['memory_low', { memoryBytes: 1.4 * 1024 ** 3 }],
    ['disk_low', { diskFreeBytes: 1024 ** 3 }],
    ['cidr_overlap', { routes: [{ destination: '10.0.0.0/8', device: 'eth1' }] }],
    ['modules_missing', { missingModules: ['br_netfilter'] }],
    ['clock_skew', { clockSkewMs: -90_000 }],
    ['k3s_foreign', { k3sPresent: true }],
    ['k3s_foreign', { k3sPresent: true, marker: { clusterId: 'cls_other', version: 'v1.36.4+k3s1' } }],
    ['panel_present', { panel: 'plesk' }],
  ])('%s is refused with a hint', (reason, parts) => {
    expect(reasons(parts)).toEqual([reason]);
    expect(preflight({ clusterId: 'cls_1' }, { ...bareFacts, ...parts })[0]?.hint).toBeTruthy();
  });

  test('our own standing cluster is no obstacle to another run', () => {
    const standing: Partial<K3sFacts> = {
      k3sPresent: true,
      marker: { clusterId: 'cls_1', version: 'v1.36.4+k3s1' },
      listeners: [{ port: 6443, protocol: 'tcp', process: 'k3s-server' }],
      routes: [{ destination: '10.42.0.0/24', device: 'cni0' }],
    };
    expect(reasons(standing)).toEqual([]);
  });

  test.each([
    ['10.42.0.0/16', '10.0.0.0/8', true],
    ['10.42.0.0/16', '10.42.7.1', true],
    ['10.42.0.0/16', '10.44.0.0/16', false],
    ['10.42.0.0/16', '0.0.0.0/0', true],
    ['10.42.0.0/16', '10.42.0.0/33', false],
    ['10.42.0.0/16', 'fe80::/64', false],
  ])('%s and %s overlap: %s', (a, b, expected) => expect(overlap(a, b)).toBe(expected));
});

test('the domain is the dashed IPv4 address at sslip.io; an IPv6 address or a name gives none', () => {
  expect(defaultDomain('203.0.113.7')).toBe('203-0-113-7.sslip.io');
  expect(defaultDomain('2001:db8::1')).toBeNull();
  expect(defaultDomain('host.example.com')).toBeNull();
});
