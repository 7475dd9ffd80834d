import { afterEach, describe, expect, test } from 'vitest';
import { planRelease } from '../../core/app/plan.ts';
import { appSpec } from '../../core/app/spec.ts';
import type { KubernetesObject } from '../../core/manifest.ts';
import { makePlan, type ManifestStep } from '../../core/plan.ts';
import type { RunRecord } from '../../core/runs.ts';
import { batchesOf } from '../../workers/batches.ts';
import { executePlan } from '../../workers/execute.ts';
import type { Job } from '../../workers/job.ts';
import { openKube, type Kube } from '../../workers/kube.ts';
import { type KubeServer, type Reply, type Seen, startKubeServer } from '../support/kube-server.ts';

let server: KubeServer | undefined;
let kube: Kube | undefined;

afterEach(async () => {
  kube?.close();
  await server?.close();
});

function apply(kind: string, name: string, more: Partial<ManifestStep> = {}): ManifestStep {
  const apiVersion = kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'v1';
  const namespace = kind === 'Namespace' ? {} : { namespace: 'shop' };
  const object: KubernetesObject = { apiVersion, kind, metadata: { name, ...namespace } };
  return { kind: 'manifest', id: `${kind}/${name}`, title: name, verb: 'apply', object, timeoutMs: 5000, ...more };
}

/** Carries steps out on a cluster that keeps what it is sent, but for what `refuse` answers itself. */
async function execute(
  steps: ManifestStep[],
  refuse: (seen: Seen) => Reply | null = () => null,
): Promise<{ records: RunRecord[]; failure: unknown; seen: Seen[] }> {
  server = await startKubeServer((seen) => refuse(seen) ?? (seen.method === 'PATCH' ? { status: 201, body: seen.body } : null));
  const signal = AbortSignal.timeout(20_000);
  kube = openKube({ access: server.access, dial: server.dial, fence: 1, signal });
  const opened = kube;
  const records: RunRecord[] = [];
  const job = { signal, kube: async () => opened, record: (record: RunRecord) => void records.push(record) } as unknown as Job;
  const failure = await executePlan(job, makePlan({}, steps), []).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { records, failure, seen: server.seen.filter((each) => each.path.includes('/namespaces')) };
}

describe('batches', () => {
  test('an app: the namespace first, its rules at the same time, then the Deployment alone, then the route', () => {
    const place = {
      app: 'web',
      project: 'shop',
      environment: 'live',
      host: 'web.example.com',
      nodeAddresses: [],
      releaseId: `rel_${'0'.repeat(26)}`,
    };
    const { steps } = planRelease(place, appSpec.parse({ image: 'nginx:1', port: 80 }));
    const kinds = batchesOf(steps).map((batch) => batch.map((index) => (steps[index] as ManifestStep).object.kind));
    expect(kinds[0]).toEqual(['Namespace']);
    expect(kinds[1]).toContain('NetworkPolicy');
    expect(kinds[1]).toContain('ServiceAccount');
    expect(kinds.slice(2)).toEqual([['Deployment'], ['IngressRoute']]);
  });

  test('what waits, deletes, runs pods or defines kinds stands alone; the order stays', () => {
    const steps = [
      apply('Service', 'a'),
      apply('Service', 'b', { verb: 'delete' }),
      apply('Service', 'c', { wait: 'available' }),
      apply('Service', 'd'),
      apply('Secret', 'e'),
      apply('CustomResourceDefinition', 'f'),
      apply('Secret', 'g'),
      apply('DaemonSet', 'h'),
    ];
    expect(batchesOf(steps)).toEqual([[0], [1], [2], [3, 4], [5], [6], [7]]);
  });
});

test('objects of a batch are on their way at the same time on one connection, after the namespace was answered', async () => {
  const { seen, failure, records } = await execute([
    apply('Namespace', 'shop'),
    ...['a', 'b', 'c'].map((name) => apply('NetworkPolicy', name)),
  ]);
  expect(failure).toBeNull();
  expect(seen.map((each) => each.method)).toEqual(['GET', 'PATCH', 'GET', 'GET', 'GET', 'PATCH', 'PATCH', 'PATCH']);
  expect(server?.dials.count).toBe(1);
  expect(server?.seen.filter((each) => each.path === '/apis/networking.k8s.io/v1')).toHaveLength(1);
  expect(records.filter((record) => record.type === 'step' && record.state === 'changed')).toHaveLength(4);
});

test('one that is refused fails the run after the others of its batch have come to their end; nothing after them begins', async () => {
  const refuse = (seen: Seen): Reply | null =>
    seen.method === 'PATCH' && seen.path.endsWith('/b')
      ? { status: 403, body: { kind: 'Status', message: 'no', reason: 'Forbidden' } }
      : null;
  const { failure, records, seen } = await execute(
    [...['a', 'b', 'c'].map((name) => apply('NetworkPolicy', name)), apply('Namespace', 'shop')],
    refuse,
  );
  expect(failure).toMatchObject({ code: 'cluster_refused' });
  const ends = records.flatMap((record) => (record.type === 'step' && record.state !== 'started' ? [[record.index, record.state]] : []));
  expect(ends.toSorted()).toEqual([
    [0, 'changed'],
    [1, 'failed'],
    [2, 'changed'],
  ]);
  expect(seen.some((each) => each.path === '/api/v1/namespaces/shop')).toBe(false);
});
