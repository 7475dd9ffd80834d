import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingFrom, sameObject } from '../core/cluster/compare.ts';
import { Fault } from '../core/fault.ts';
import { fenceAnnotation, fieldManager, nameOf, type KubernetesObject } from '../core/manifest.ts';
import { kubeFault } from './kube-fault.ts';
import { openKubeHttp, type KubeAnswer, type KubeHttp } from './kube-http.ts';
import type { KubeAccess } from './kubeconfig.ts';
import { rollout } from './rollout.ts';

/** An object as the API server holds it. */
export interface LiveObject extends KubernetesObject {
  metadata: KubernetesObject['metadata'] & {
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string; uid: string }[];
  };
  status?: unknown;
}

export interface ObjectRef {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

export interface ListQuery {
  apiVersion: string;
  kind: string;
  namespace?: string;
  /** A label selector, such as `kipper.run/app=web`. */
  labels?: string;
  /** A field selector, such as `involvedObject.name=web`. */
  fields?: string;
}

export interface Applied {
  object: LiveObject;
  changed: boolean;
  warnings: string[];
}

export type WaitFor = 'established' | 'available' | 'gone';

/** The Kubernetes API as one run sees it. Every refusal is a Fault; every write carries the run's fence. */
export interface Kube {
  /** Server-side apply with Strict validation, read back and compared. Fault `superseded` when the object carries a higher fence; nothing is written then. */
  apply(object: KubernetesObject): Promise<Applied>;
  get(ref: ObjectRef): Promise<LiveObject | null>;
  /** Secrets come back as metadata only. */
  list(query: ListQuery): Promise<LiveObject[]>;
  /** Deletes exactly the object that was looked at; false when there was none. */
  remove(ref: ObjectRef): Promise<boolean>;
  /** Rejects with a Fault that names the reason when it cannot come true, or with `timed_out`. */
  wait(ref: ObjectRef, what: WaitFor, timeoutMs: number): Promise<LiveObject | null>;
  /** A GET of any path, such as /readyz. */
  raw(path: string): Promise<KubeAnswer>;
  /** The last lines that a container printed; empty when there is none. */
  logs(pod: { namespace: string; name: string; container: string }, lines: number, previous?: boolean): Promise<string>;
  close(): void;
}

export interface KubeOptions {
  access: KubeAccess;
  dial(): Promise<Duplex>;
  fence: number;
  signal: AbortSignal;
  onWarning?(text: string): void;
  requestMs?: number;
  budgetMs?: number;
  pollMs?: number;
}

interface Resource {
  plural: string;
  namespaced: boolean;
}

interface Reach {
  http: KubeHttp;
  options: KubeOptions;
  resources: Map<string, Map<string, Resource>>;
  asking: Map<string, Promise<KubeAnswer>>;
}

export function openKube(options: KubeOptions): Kube {
  const reach: Reach = { http: openKubeHttp(options), options, resources: new Map(), asking: new Map() };
  const kube: Kube = {
    apply: (object) => apply(reach, object),
    get: (ref) => read(reach, ref),
    list: (query) => list(reach, query),
    remove: (ref) => remove(reach, ref),
    wait: (ref, what, timeoutMs) => wait(kube, reach, ref, what, timeoutMs),
    raw: (path) => reach.http.send({ method: 'GET', path, expect: [500, 503] }),
    logs: (pod, lines, previous) => logs(reach, pod, lines, previous ?? false),
    close: () => reach.http.close(),
  };
  return kube;
}

function refOf(object: KubernetesObject): ObjectRef {
  const { name, namespace } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The plural of a kind, from discovery; asked again for a kind that is not known yet, which may be a moment old. */
async function resourceOf(reach: Reach, apiVersion: string, kind: string): Promise<Resource> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  for (let attempt = 0; ; attempt += 1) {
    const known = reach.resources.get(apiVersion)?.get(kind);
    if (known !== undefined) return known;
    if (attempt > 0) await sleep(Math.min(200 * 2 ** attempt, 2_000), undefined, { signal: reach.options.signal });
    const answer = await discover(reach, root);
    if (answer.status === 200) reach.resources.set(apiVersion, readResources(answer.body));
    else if (answer.status !== 404) throw kubeFault(answer, { action: 'read', what: root });
    if (attempt >= 6 && reach.resources.get(apiVersion)?.has(kind) !== true) {
      throw new Fault('cluster_refused', {
        message: `the cluster does not know ${kind} of ${apiVersion}`,
        reason: 'unknown_kind',
        hint: 'run kip cluster harden to put the missing definitions back',
      });
    }
  }
}

/** Objects that are applied at the same time ask for their group once. */
function discover(reach: Reach, path: string): Promise<KubeAnswer> {
  const asked = reach.asking.get(path) ?? reach.http.send({ method: 'GET', path }).finally(() => reach.asking.delete(path));
  reach.asking.set(path, asked);
  return asked;
}

function readResources(body: unknown): Map<string, Resource> {
  const listed = (body as { resources?: { name?: unknown; kind?: unknown; namespaced?: unknown }[] }).resources ?? [];
  return new Map(
    listed
      .filter((one) => typeof one.name === 'string' && !one.name.includes('/'))
      .map((one) => [String(one.kind), { plural: String(one.name), namespaced: one.namespaced === true }]),
  );
}

async function pathOf(reach: Reach, ref: { apiVersion: string; kind: string; namespace?: string; name?: string }): Promise<string> {
  const { plural, namespaced } = await resourceOf(reach, ref.apiVersion, ref.kind);
  const root = ref.apiVersion.includes('/') ? `/apis/${ref.apiVersion}` : `/api/${ref.apiVersion}`;
  const scope = namespaced && ref.namespace !== undefined ? `/namespaces/${encodeURIComponent(ref.namespace)}` : '';
  return `${root}${scope}/${plural}${ref.name === undefined ? '' : `/${encodeURIComponent(ref.name)}`}`;
}

async function read(reach: Reach, ref: ObjectRef): Promise<LiveObject | null> {
  const answer = await reach.http.send({ method: 'GET', path: await pathOf(reach, ref) });
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw kubeFault(answer, { action: 'read', what: `${ref.kind} ${ref.name}` });
  return answer.body as LiveObject;
}

function demandFence(live: LiveObject | null, ours: number): void {
  const theirs = Number(live?.metadata.annotations?.[fenceAnnotation] ?? 0);
  if (live === null || !(theirs > ours)) return;
  throw new Fault('superseded', {
    message: `${nameOf(live)} was written by a later run (fence ${theirs} over ${ours}); nothing was changed`,
    hint: 'this run has been replaced; look at the newest one with kip run ls',
  });
}

async function apply(reach: Reach, object: KubernetesObject): Promise<Applied> {
  const { fence, signal, onWarning } = reach.options;
  const path = await pathOf(reach, refOf(object));
  const target = `${path}?fieldManager=${fieldManager}&force=true&fieldValidation=Strict`;
  for (let attempt = 0; ; attempt += 1) {
    const before = await read(reach, refOf(object));
    demandFence(before, fence);
    const annotations = { ...object.metadata.annotations, [fenceAnnotation]: String(fence) };
    // The version that was looked at: a writer in between turns this into a 409, and the fence is read again.
    const version = before?.metadata.resourceVersion === undefined ? {} : { resourceVersion: before.metadata.resourceVersion };
    const body = { ...object, metadata: { ...object.metadata, annotations, ...version } };
    const answer = await reach.http.send({ method: 'PATCH', path: target, body, contentType: 'application/apply-patch+yaml' });
    if (answer.status === 200 || answer.status === 201) return settle(answer, object, before, onWarning);
    const again = attempt < 8 && (answer.status === 409 || (answer.status === 404 && before !== null) || goesAway(answer));
    if (!again) throw kubeFault(answer, { action: 'write', what: nameOf(object) });
    await sleep(Math.min(100 * 2 ** attempt, 5_000), undefined, { signal });
  }
}

/** A namespace that is still being taken down refuses new members for a moment. */
function goesAway(answer: KubeAnswer): boolean {
  return answer.status === 403 && JSON.stringify(answer.body).includes('is being terminated');
}

function settle(answer: KubeAnswer, wanted: KubernetesObject, before: LiveObject | null, onWarning?: (text: string) => void): Applied {
  const after = answer.body as LiveObject;
  for (const text of answer.warnings) onWarning?.(`${nameOf(wanted)}: ${text}`);
  const missing = missingFrom(after, wanted);
  if (missing.length > 0) {
    throw new Fault('cluster_refused', {
      message: `${nameOf(wanted)} was stored differently from what was sent: ${missing.slice(0, 5).join(', ')}`,
      reason: 'readback_differs',
      ...(missing[0] === undefined ? {} : { field: missing[0] }),
      hint: 'something in the cluster changes objects as they are written; look for admission webhooks',
    });
  }
  return { object: after, changed: before === null || !sameObject(before, after), warnings: answer.warnings };
}

async function list(reach: Reach, query: ListQuery): Promise<LiveObject[]> {
  const path = await pathOf(reach, query);
  const secret = query.apiVersion === 'v1' && query.kind === 'Secret';
  const accept = secret ? 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' : 'application/json';
  const found: LiveObject[] = [];
  let next = '';
  do {
    const search = new URLSearchParams({ limit: '500' });
    if (query.labels !== undefined) search.set('labelSelector', query.labels);
    if (query.fields !== undefined) search.set('fieldSelector', query.fields);
    if (next !== '') search.set('continue', next);
    const answer = await reach.http.send({ method: 'GET', path: `${path}?${search.toString()}`, accept });
    if (answer.status !== 200) throw kubeFault(answer, { action: 'read', what: `${query.kind} list` });
    const page = answer.body as { items?: LiveObject[]; metadata?: { continue?: string } };
    found.push(...(page.items ?? []).map((item) => ({ ...item, apiVersion: query.apiVersion, kind: query.kind })));
    next = page.metadata?.continue ?? '';
  } while (next !== '');
  return found;
}

async function remove(reach: Reach, ref: ObjectRef): Promise<boolean> {
  const path = await pathOf(reach, ref);
  for (let attempt = 0; ; attempt += 1) {
    const live = await read(reach, ref);
    if (live === null) return false;
    demandFence(live, reach.options.fence);
    const { uid, resourceVersion } = live.metadata;
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } };
    const answer = await reach.http.send({ method: 'DELETE', path, body });
    if (answer.status === 200 || answer.status === 202) return true;
    if (answer.status === 404) return false;
    if (answer.status !== 409 || attempt >= 8) throw kubeFault(answer, { action: 'delete', what: `${ref.kind} ${ref.name}` });
    await sleep(100 * 2 ** attempt, undefined, { signal: reach.options.signal });
  }
}

async function wait(kube: Kube, reach: Reach, ref: ObjectRef, what: WaitFor, timeoutMs: number): Promise<LiveObject | null> {
  const { signal, pollMs = 500 } = reach.options;
  if (what === 'available' && ['Deployment', 'DaemonSet'].includes(ref.kind)) return rollout(kube, ref, { timeoutMs, pollMs, signal });
  const until = Date.now() + timeoutMs;
  for (;;) {
    const live = await kube.get(ref);
    if (what === 'gone' ? live === null : live !== null && holds(live, what)) return live;
    if (Date.now() + pollMs > until)
      throw new Fault('timed_out', {
        message: `${ref.kind} ${ref.name} did not become ${what} in ${Math.round(timeoutMs / 1000)} s`,
        reason: 'deadline',
        hint: `look at it with k3s kubectl describe ${ref.kind} ${ref.name}`,
      });
    await sleep(pollMs, undefined, { signal });
  }
}

function holds(live: LiveObject, what: WaitFor): boolean {
  const conditions = (live.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
  const wanted = what === 'established' ? ['Established', 'NamesAccepted'] : ['Available'];
  return wanted.every((type) => conditions.some((one) => one.type === type && one.status === 'True'));
}

async function logs(
  reach: Reach,
  pod: { namespace: string; name: string; container: string },
  lines: number,
  previous: boolean,
): Promise<string> {
  const search = new URLSearchParams({
    container: pod.container,
    tailLines: String(lines),
    previous: String(previous),
    limitBytes: '65536',
  });
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}/log?${search.toString()}`;
  const answer = await reach.http.send({ method: 'GET', path, accept: '*/*', expect: [500] });
  if (answer.status !== 200) return '';
  return typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
}
