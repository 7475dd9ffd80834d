import * as traefik from '@kubernetes-models/traefik/traefik.io/v1alpha1';
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as core from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import type { AppPlace } from '../../../core/app/names.ts';
import { appObjects, leftovers } from '../../../core/app/objects.ts';
import { planRelease, planRetirement } from '../../../core/app/plan.ts';
import { appSpec } from '../../../core/app/spec.ts';
import type { KubernetesObject } from '../../../core/manifest.ts';

const place: AppPlace = {
  app: 'web',
  project: 'shop',
  environment: 'production',
  host: 'web-production.203-0-113-7.sslip.io',
  nodeAddresses: ['203.0.113.7', '2001:db8::7'],
  releaseId: 'rel_01jhw00000aaaaaaaaaaaaaaaa',
};

type Model = new (object: never) => { validate(): void };
const models: Record<string, unknown> = { v1: core, 'apps/v1': apps, 'networking.k8s.io/v1': networking, 'traefik.io/v1alpha1': traefik };

function validate(object: KubernetesObject): void {
  const model = (models[object.apiVersion] as Record<string, Model> | undefined)?.[object.kind];
  if (model === undefined) throw new Error(`no model for ${object.kind}`);
  new model(object as never).validate();
}

const cases = {
  default: { image: 'registry.example.com/shop/web:1.2.3', port: 3000 },
  everything: {
    image: `registry.example.com/shop/web@sha256:${'a'.repeat(64)}`,
    port: 8080,
    replicas: 3,
    env: { B: 'two', A: 'one $(B) costs $5' },
    cspAllow: ['fonts.googleapis.com', 'wss://live.example.com:8443'],
    rateLimit: 500,
    cpu: '2',
    memory: '1Gi',
    hstsPreload: false,
  },
  'root-without-headers': { image: 'nginx', port: 80, allowRoot: true, securityHeaders: false, pull: true },
};

describe('the objects of a release', () => {
  for (const [name, wish] of Object.entries(cases)) {
    it(`${name}: are the golden ones and fit the published schemas`, async () => {
      const objects = appObjects(place, appSpec.parse(wish));
      for (const object of objects) validate(object);
      await expect(`${JSON.stringify({ wish, objects }, null, 2)}\n`).toMatchFileSnapshot(`../../golden/app/${name}.json`);
    });
  }

  it('carry every field of the spec: a field that is forgotten fails here', () => {
    const sentinel = appSpec.parse({
      image: 'sentinel.example.com/image:tag77',
      port: 17_017,
      replicas: 17,
      env: { SENTINEL_KEY: 'sentinel-value' },
      cspAllow: ['sentinel.example.org'],
      rateLimit: 7177,
      cpu: '1717m',
      memory: '717Mi',
      hstsIncludeSubdomains: false,
      hstsPreload: false,
      pull: true,
    });
    const text = JSON.stringify(appObjects({ ...place, host: 'sentinel-host.example.com' }, sentinel));
    for (const word of [
      'image:tag77',
      '17017',
      '"replicas":17',
      'SENTINEL_KEY',
      'sentinel-value',
      'sentinel.example.org',
      '7177',
      '1717m',
      '717Mi',
      '"stsPreload":false',
      '"stsIncludeSubdomains":false',
      '"imagePullPolicy":"Always"',
      'sentinel-host.example.com',
    ]) {
      expect(text).toContain(word);
    }
    expect(JSON.stringify(appObjects(place, { ...sentinel, allowRoot: true }))).not.toContain('runAsNonRoot');
  });

  it('keep the selector to the app alone, so that it never has to change', () => {
    const deployment = appObjects(place, appSpec.parse(cases.default)).find((object) => object.kind === 'Deployment');
    expect(deployment?.['spec']).toMatchObject({ selector: { matchLabels: { 'kipper.run/app': 'web' } } });
  });

  it('put policies before the workload and the route last', () => {
    const kinds = appObjects(place, appSpec.parse(cases.default)).map((object) => object.kind);
    expect(kinds.lastIndexOf('NetworkPolicy')).toBeLessThan(kinds.indexOf('Deployment'));
    expect(kinds.indexOf('Namespace')).toBe(0);
    expect(kinds.at(-1)).toBe('IngressRoute');
  });

  it('that are no longer wanted are deleted, after the route has let go of them', () => {
    const spec = appSpec.parse(cases['root-without-headers']);
    expect(leftovers(place, spec).map((object) => object.metadata.name)).toEqual(['web-headers']);
    const plan = planRelease(place, spec);
    expect(plan.steps.at(-1)).toMatchObject({ verb: 'delete', object: { metadata: { name: 'web-headers' } } });
  });

  it('of a retired app go with the route first, and the namespace stays', () => {
    const steps = planRetirement(place, appSpec.parse(cases.default)).steps;
    expect(steps[0]).toMatchObject({ verb: 'delete', object: { kind: 'IngressRoute' } });
    expect(steps.some((step) => step.kind === 'manifest' && ['Namespace', 'ResourceQuota', 'LimitRange'].includes(step.object.kind))).toBe(
      false,
    );
    expect(steps.some((step) => step.kind === 'manifest' && step.object.metadata.name === 'default-deny')).toBe(false);
  });
});
