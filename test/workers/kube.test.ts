import { afterEach, describe, expect, test } from 'vitest';
import { Fault } from '../../core/fault.ts';
import { fenceAnnotation, type KubernetesObject } from '../../core/manifest.ts';
import { openKube, type Kube } from '../../workers/kube.ts';
import { makeCertificates, startKubeServer, type KubeServer, type Reply, type Seen } from '../support/kube-server.ts';

const policyPath = '/apis/networking.k8s.io/v1/namespaces/shop-production/networkpolicies/allow-ingress';
const policy: KubernetesObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'allow-ingress', namespace: 'shop-production' },
  spec: {
    podSelector: {},
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kipper-ingress' } },
            podSelector: { matchLabels: { app: 'traefik' } },
          },
        ],
      },
    ],
  },
};
const secret: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'web-secrets-v1', namespace: 'shop-production' },
  data: { KEY: 'aHVzaA==' },
};

let server: KubeServer | undefined;
let kube: Kube | undefined;

afterEach(async () => {
  kube?.close();
  await server?.close();
  server = undefined;
  kube = undefined;
});

async function open(
  answer: (seen: Seen, count: number) => Reply | null,
  parts: { fence?: number; warnings?: string[]; budgetMs?: number } = {},
): Promise<Kube> {
  server = await startKubeServer(answer);
  kube = openKube({
    access: server.access,
    dial: server.dial,
    fence: parts.fence ?? 7,
    signal: AbortSignal.timeout(20_000),
    pollMs: 20,
    budgetMs: parts.budgetMs ?? 5_000,
    onWarning: (text) => parts.warnings?.push(text),
  });
  return kube;
}

/** A server that keeps what it is sent, as server-side apply of one owner does. */
function keeping(
  start: Record<string, unknown> | null = null,
  mangle: (object: Record<string, unknown>) => Record<string, unknown> = (object) => object,
): (seen: Seen) => Reply | null {
  let held = start;
  return (seen) => {
    if (seen.method === 'GET') return held === null ? null : { status: 200, body: held };
    if (seen.method !== 'PATCH') return null;
    const created = held === null;
    const body = structuredClone(seen.body) as Record<string, unknown> & { metadata: Record<string, unknown> };
    held = mangle({ ...body, metadata: { ...body.metadata, uid: 'u1', resourceVersion: '2' } });
    return { status: created ? 201 : 200, body: held };
  };
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Fault);
  return thrown as Fault;
}

const patches = () => server?.seen.filter((one) => one.method === 'PATCH') ?? [];

describe('apply', () => {
  test('goes out as raw JSON by Strict server-side apply with our fence, and `from` of a NetworkPolicy survives', async () => {
    const opened = await open(keeping());
    const applied = await opened.apply(policy);
    expect(applied.changed).toBe(true);
    const sent = patches()[0];
    expect(sent?.path).toBe(policyPath);
    expect(Object.fromEntries(sent?.search ?? [])).toEqual({ fieldManager: 'kipper', force: 'true', fieldValidation: 'Strict' });
    expect(sent?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(sent?.body).toEqual({ ...policy, metadata: { ...policy.metadata, annotations: { [fenceAnnotation]: '7' } } });
    const again = await opened.apply(policy);
    expect(again.changed).toBe(false);
    expect(patches()[1]?.body).toMatchObject({ metadata: { resourceVersion: '2' } });
  });

  test('a NetworkPolicy that comes back without `from` is refused by name', async () => {
    const opened = await open(keeping(null, (object) => ({ ...object, spec: { ...(policy['spec'] as object), ingress: [{}] } })));
    const fault = await faultOf(opened.apply(policy));
    expect(fault).toMatchObject({ code: 'cluster_refused', reason: 'readback_differs', field: 'spec.ingress[0].from' });
  });

  test('a Secret that comes back differently is named by its path, and its value is not echoed', async () => {
    const opened = await open(keeping(null, (object) => ({ ...object, data: { KEY: 'b3RoZXI=' } })));
    const fault = await faultOf(opened.apply(secret));
    expect(fault.field).toBe('data.KEY');
    expect(JSON.stringify(fault.view())).not.toMatch(/aHVzaA|b3RoZXI/);
  });

  test('an object with a higher fence is left alone: nothing at all is written', async () => {
    const live = { ...policy, metadata: { ...policy.metadata, resourceVersion: '9', annotations: { [fenceAnnotation]: '8' } } };
    const opened = await open(keeping(live));
    expect(await faultOf(opened.apply(policy))).toMatchObject({ code: 'superseded' });
    expect(patches()).toHaveLength(0);
    expect(
      await faultOf(
        opened.remove({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace: 'shop-production', name: 'allow-ingress' }),
      ),
    ).toMatchObject({ code: 'superseded' });
    expect(server?.seen.some((one) => one.method === 'DELETE')).toBe(false);
  });

  test('a later run that writes between our look and our write wins: 409, look again, superseded', async () => {
    let fence = '5';
    const opened = await open((seen) => {
      if (seen.method === 'GET')
        return {
          status: 200,
          body: { ...policy, metadata: { ...policy.metadata, resourceVersion: '1', annotations: { [fenceAnnotation]: fence } } },
        };
      fence = '8';
      return { status: 409, body: { reason: 'Conflict', message: 'the object has been modified' } };
    });
    expect(await faultOf(opened.apply(policy))).toMatchObject({ code: 'superseded' });
    expect(patches()).toHaveLength(1);
  });

  test('Strict validation names the unknown field', async () => {
    const opened = await open((seen) =>
      seen.method === 'PATCH'
        ? {
            status: 400,
            body: { message: 'NetworkPolicy in version "v1" cannot be handled: strict decoding error: unknown field "spec.ingres"' },
          }
        : null,
    );
    expect(await faultOf(opened.apply(policy))).toMatchObject({ code: 'cluster_refused', reason: 'unknown_field', field: 'spec.ingres' });
  });

  test('422 names the field of its first cause, 403 tells quota from Pod Security', async () => {
    const replies = [
      { status: 422, body: { message: 'is invalid', details: { causes: [{ field: 'spec.podSelector', message: 'bad' }] } } },
      { status: 403, body: { message: 'exceeded quota: q, requested: pods=1' } },
      { status: 403, body: { message: 'pods "x" is forbidden: violates PodSecurity "baseline:latest": privileged' } },
    ];
    const opened = await open((seen) => (seen.method === 'PATCH' ? (replies.shift() ?? null) : null));
    expect(await faultOf(opened.apply(policy))).toMatchObject({ reason: 'invalid_object', field: 'spec.podSelector' });
    expect(await faultOf(opened.apply(policy))).toMatchObject({ reason: 'quota' });
    expect(await faultOf(opened.apply(policy))).toMatchObject({ reason: 'pod_security' });
  });

  test('429 waits as long as Retry-After says, 503 and a dropped connection are tried again', async () => {
    const keep = keeping();
    const opened = await open((seen, count) => {
      if (seen.method !== 'PATCH') return keep(seen);
      if (count === 1) return { status: 429, headers: { 'retry-after': '1' }, body: {} };
      if (count === 2) return { status: 503, body: {} };
      if (count === 3) return { status: 0, drop: true };
      return keep(seen);
    });
    const startedMs = performance.now();
    await opened.apply(policy);
    expect(performance.now() - startedMs).toBeGreaterThan(950);
    expect(patches()).toHaveLength(4);
    expect(server?.dials.count).toBe(2);
  });

  test('an API that stays away ends as unavailable when the budget is spent', async () => {
    const opened = await open(() => ({ status: 0, drop: true }), { budgetMs: 600 });
    expect(await faultOf(opened.get({ apiVersion: 'v1', kind: 'Namespace', name: 'a' }))).toMatchObject({
      code: 'unavailable',
      reason: 'api_unreachable',
    });
  });

  test('warnings of the API server reach the run', async () => {
    const warnings: string[] = [];
    const keep = keeping();
    const opened = await open(
      (seen) => {
        const reply = keep(seen);
        return seen.method === 'PATCH' && reply !== null
          ? { ...reply, headers: { warning: '299 - "would violate PodSecurity \\"restricted\\"", 299 - "second"' } }
          : reply;
      },
      { warnings },
    );
    await opened.apply(policy);
    expect(warnings).toEqual([
      'NetworkPolicy shop-production/allow-ingress: would violate PodSecurity "restricted"',
      'NetworkPolicy shop-production/allow-ingress: second',
    ]);
  });
});

describe('the rest', () => {
  test('a certificate of another authority is refused before anything is sent', async () => {
    server = await startKubeServer(() => null);
    kube = openKube({
      access: { ...server.access, ca: makeCertificates().ca },
      dial: server.dial,
      fence: 1,
      signal: AbortSignal.timeout(5_000),
    });
    expect(await faultOf(kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'a' }))).toMatchObject({ reason: 'certificate_mismatch' });
    expect(server.seen).toHaveLength(0);
  });

  test('Secrets are listed as metadata only, page by page', async () => {
    const opened = await open((seen) => {
      if (!seen.path.endsWith('/secrets')) return null;
      const page = seen.search.get('continue') === null;
      return { status: 200, body: { metadata: page ? { continue: 'more' } : {}, items: [{ metadata: { name: page ? 'a' : 'b' } }] } };
    });
    const found = await opened.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'shop-production' });
    expect(found.map((one) => one.metadata.name)).toEqual(['a', 'b']);
    expect(
      server?.seen
        .filter((one) => one.path.endsWith('/secrets'))
        .every((one) => String(one.headers['accept']).includes('as=PartialObjectMetadataList')),
    ).toBe(true);
  });

  test('delete names the very object that was looked at', async () => {
    const opened = await open((seen) =>
      seen.method === 'GET'
        ? { status: 200, body: { ...secret, metadata: { ...secret.metadata, uid: 'u9', resourceVersion: '4' } } }
        : { status: 200, body: {} },
    );
    expect(await opened.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'shop-production', name: 'web-secrets-v1' })).toBe(true);
    const sent = server?.seen.find((one) => one.method === 'DELETE');
    expect(sent?.body).toMatchObject({ preconditions: { uid: 'u9', resourceVersion: '4' } });
  });

  test('names reach the path encoded', async () => {
    const opened = await open(() => null);
    expect(await opened.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'a', name: '../../nodes?x=1' })).toBeNull();
    expect(server?.seen.at(-1)?.path).toBe('/api/v1/namespaces/a/secrets/..%2F..%2Fnodes%3Fx%3D1');
  });

  test('waiting for gone and for a time that passes', async () => {
    const opened = await open((seen, count) => (count < 3 ? { status: 200, body: secret } : null));
    await opened.wait({ apiVersion: 'v1', kind: 'Secret', namespace: 'a', name: 'b' }, 'gone', 5_000);
    const ref = { apiVersion: 'v1', kind: 'Namespace', name: 'slow' };
    await server?.close();
    const slow = await open(() => ({ status: 200, body: { metadata: { name: 'slow' } } }));
    expect(await faultOf(slow.wait(ref, 'gone', 80))).toMatchObject({ code: 'timed_out', reason: 'deadline' });
  });
});
