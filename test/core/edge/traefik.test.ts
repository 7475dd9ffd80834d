import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { traefikDefinitions as generated } from '../../../bin/crds.ts';
import { baselineObjects } from '../../../core/cluster/baseline.ts';
import { traefikDefinitions } from '../../../core/edge/crds.ts';
import { planEdge } from '../../../core/edge/plan.ts';
import { traefikObjects } from '../../../core/edge/traefik.ts';
import type { KubernetesObject } from '../../../core/manifest.ts';
import { validateObject } from '../../support/kubernetes-models.ts';

const wish = { image: `docker.io/library/traefik@sha256:${'c'.repeat(64)}`, imported: false, nodeAddress: '203.0.113.7' };

const found = (kind: string, name: string): KubernetesObject | undefined =>
  [...baselineObjects(), ...traefikObjects(wish)].find((one) => one.kind === kind && one.metadata.name === name);

describe('definitions', () => {
  test('the committed ones are what the dependency declares', () => {
    expect(traefikDefinitions()).toEqual(JSON.parse(JSON.stringify(generated())));
  });

  test('all ten that the provider waits for are there, each structural: every schema has a type or is int-or-string or free', () => {
    expect(traefikDefinitions()).toHaveLength(10);
    const walk = (schema: Record<string, unknown>, path: string): string[] => {
      const typed =
        typeof schema['type'] === 'string' ||
        schema['x-kubernetes-int-or-string'] === true ||
        schema['x-kubernetes-preserve-unknown-fields'] === true;
      const inner = [
        ...Object.entries((schema['properties'] ?? {}) as Record<string, Record<string, unknown>>),
        ...(['items', 'additionalProperties'] as const).flatMap((key) =>
          typeof schema[key] === 'object' ? [[key, schema[key] as Record<string, unknown>] as const] : [],
        ),
      ];
      return [...(typed ? [] : [path]), ...inner.flatMap(([key, one]) => walk(one, `${path}.${key}`))];
    };
    for (const one of traefikDefinitions()) {
      const versions = (one['spec'] as { versions: { schema: { openAPIV3Schema: Record<string, unknown> } }[] }).versions;
      expect(walk(versions[0]?.schema.openAPIV3Schema ?? {}, one.metadata.name)).toEqual([]);
    }
  });
});

describe('objects', () => {
  test('are these, byte for byte', async () => {
    await expect(`${JSON.stringify(baselineObjects(), null, 2)}\n`).toMatchFileSnapshot('../../golden/edge/baseline.json');
    await expect(`${JSON.stringify(traefikObjects(wish), null, 2)}\n`).toMatchFileSnapshot('../../golden/edge/traefik.json');
  });

  test.each(
    [...baselineObjects(), ...traefikObjects(wish), ...traefikDefinitions()].map(
      (object) => [`${object.kind} ${object.metadata.name}`, object] as const,
    ),
  )('%s is valid by the published schema', (_, object) => {
    validateObject(object);
  });

  test('Traefik is not root, reads only, drops every capability, and sits alone in a namespace of ours', () => {
    const pod = (
      found('DaemonSet', 'traefik') as unknown as {
        spec: { template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } } };
      }
    ).spec.template.spec;
    expect(pod['securityContext']).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.containers[0]?.['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod['hostNetwork']).toBeUndefined();
    expect(found('DaemonSet', 'traefik')?.metadata.namespace).toBe('kipper-ingress');
  });

  test('its rights are reading, of what its provider watches and nothing else (P1)', () => {
    const rules = found('ClusterRole', 'kipper-traefik')?.['rules'] as { apiGroups: string[]; resources: string[]; verbs: string[] }[];
    expect(rules.flatMap((rule) => rule.verbs).filter((verb) => !['get', 'list', 'watch'].includes(verb))).toEqual([]);
    expect(rules.flatMap((rule) => rule.resources)).not.toContain('*');
    expect(rules.flatMap((rule) => rule.resources)).not.toContain('nodes');
  });

  test('forwarded headers are trusted from nobody, and no dashboard, API or other provider is on', () => {
    const flags = JSON.stringify(found('DaemonSet', 'traefik'));
    expect(flags).not.toMatch(/forwardedheaders|proxyprotocol|insecure|--api|kubernetesingress|dashboard/i);
    expect(flags).toContain('allowcrossnamespace=false');
    expect(flags).toContain('redirections.entrypoint.permanent=true');
  });

  test('an object is applied after the namespace and the definitions it needs', () => {
    const ids = planEdge(wish).map((step) => step.id);
    expect(ids.indexOf('edge/tlsoption/kipper-ingress/default')).toBeGreaterThan(
      ids.indexOf('edge/customresourcedefinition/tlsoptions.traefik.io'),
    );
    expect(ids.indexOf('edge/daemonset/kipper-ingress/traefik')).toBe(ids.length - 1);
    expect(ids[0]).toBe('cluster-baseline/namespace/kipper-system');
    expect(readFileSync(new URL('../../../core/edge/crds.json', import.meta.url), 'utf8').length).toBeGreaterThan(1000);
  });
});
