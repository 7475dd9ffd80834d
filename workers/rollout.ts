import { setTimeout as sleep } from 'node:timers/promises';
import { explainRollout, isAvailable, type PodView, type RolloutReason, type WorkloadView } from '../core/cluster/rollout.ts';
import { Fault } from '../core/fault.ts';
import type { Kube, LiveObject, ObjectRef } from './kube.ts';

export interface RolloutOptions {
  timeoutMs: number;
  pollMs: number;
  signal: AbortSignal;
}

/** How long a pod may keep failing before the rollout is given up: a crash or a pull may heal by itself. */
const patienceMs: Record<RolloutReason, number> = {
  pod_security: 0,
  quota: 0,
  config_error: 10_000,
  root_refused: 3_000,
  image_pull: 20_000,
  crash_loop: 20_000,
  unschedulable: 20_000,
  probe_failed: 90_000,
  deadline: 0,
};

/**
 * Resolves when a Deployment or DaemonSet is available in its newest generation. Otherwise a Fault `step_failed` with the reason and the
 * failing field; what served before keeps serving, because nothing is taken down here.
 */
export async function rollout(kube: Kube, ref: ObjectRef, options: RolloutOptions): Promise<LiveObject> {
  const until = Date.now() + options.timeoutMs;
  let seen: { reason: RolloutReason | null; sinceMs: number } = { reason: null, sinceMs: 0 };
  for (;;) {
    const live = await kube.get(ref);
    if (live === null)
      throw new Fault('cluster_refused', {
        message: `${ref.kind} ${ref.name} is gone`,
        reason: 'not_found',
        hint: 'somebody removed it while it was rolled out',
      });
    const workload = live as unknown as WorkloadView;
    if (isAvailable(workload)) return live;
    const { pods, events } = await around(kube, live, ref);
    const trouble = explainRollout(workload, pods, events);
    const late = Date.now() + options.pollMs > until;
    if (trouble !== null) {
      if (seen.reason !== trouble.reason) seen = { reason: trouble.reason, sinceMs: Date.now() };
      if (late || Date.now() - seen.sinceMs >= patienceMs[trouble.reason])
        throw failed(ref, trouble, await lastWords(kube, ref, trouble.pod));
    } else if (late) {
      throw failed(
        ref,
        {
          reason: 'deadline',
          message: `not available after ${Math.round(options.timeoutMs / 1000)} s`,
          hint: 'start the image by hand and look at what it prints, then deploy again',
        },
        '',
      );
    } else {
      seen = { reason: null, sinceMs: 0 };
    }
    await sleep(options.pollMs, undefined, { signal: options.signal });
  }
}

/** The pods of the newest revision only: an old one that is being replaced does not count. */
async function around(kube: Kube, live: LiveObject, ref: ObjectRef): Promise<{ pods: PodView[]; events: string[] }> {
  const namespace = ref.namespace ?? 'default';
  const labels = selectorOf(live);
  const owners = new Set(live.metadata.uid === undefined ? [] : [live.metadata.uid]);
  const events: string[] = [];
  if (ref.kind === 'Deployment') {
    const sets = await kube.list({ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace, labels });
    const newest = sets
      .filter((one) => one.metadata.ownerReferences?.some((owner) => owner.uid === live.metadata.uid) === true)
      .sort((a, b) => revisionOf(b) - revisionOf(a))[0];
    owners.clear();
    if (newest?.metadata.uid !== undefined) owners.add(newest.metadata.uid);
  } else {
    const failed = await kube.list({
      apiVersion: 'v1',
      kind: 'Event',
      namespace,
      fields: `involvedObject.uid=${live.metadata.uid ?? ''},reason=FailedCreate`,
    });
    events.push(...failed.map((event) => String(event['message'] ?? '')));
  }
  const pods = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace, labels });
  const own = pods.filter(
    (pod) => pod.metadata.ownerReferences?.some((owner) => owners.has(owner.uid)) === true && pod.metadata.deletionTimestamp === undefined,
  );
  return { pods: own as unknown as PodView[], events };
}

function selectorOf(live: LiveObject): string {
  const selector =
    (live as unknown as { spec?: { selector?: { matchLabels?: Record<string, string> } } }).spec?.selector?.matchLabels ?? {};
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function revisionOf(object: LiveObject): number {
  return Number(object.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
}

async function lastWords(kube: Kube, ref: ObjectRef, pod: { name: string; container: string } | undefined): Promise<string> {
  if (pod === undefined) return '';
  const at = { namespace: ref.namespace ?? 'default', ...pod };
  const text = (await kube.logs(at, 5, true).catch(() => '')) || (await kube.logs(at, 5).catch(() => ''));
  return text.trim().slice(-400);
}

function failed(ref: ObjectRef, trouble: { reason: RolloutReason; message: string; hint: string; field?: string }, words: string): Fault {
  return new Fault('step_failed', {
    message: `${ref.kind} ${ref.name} did not become available: ${trouble.message}${words === '' ? '' : `; its last words: ${words}`}`,
    reason: trouble.reason,
    hint: trouble.hint,
    ...(trouble.field === undefined ? {} : { field: trouble.field }),
  });
}
