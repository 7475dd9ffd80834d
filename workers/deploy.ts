import { assessApp } from '../core/app/assess.ts';
import { namespaceFor, type AppPlace } from '../core/app/names.ts';
import { planRelease } from '../core/app/plan.ts';
import { Fault } from '../core/fault.ts';
import { labels } from '../core/manifest.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import { awaitRoute } from './edge-check.ts';
import { executePlan } from './execute.ts';
import type { Job } from './job.ts';
import type { Kube, LiveObject } from './kube.ts';
import { planHash } from './plan-hash.ts';

/** Brings one release to its cluster and waits until it is available; the old pods serve until then. */
export async function runDeploy(job: Job, input: RunInput<'deploy'>): Promise<RunResult> {
  const { place, spec } = input;
  // The lease is taken while the way to the cluster opens; nothing is written before both are there.
  const [, kube] = await Promise.all([job.session(), job.kube()]);
  await demandOwnNamespace(kube, place);
  const plan = job.claim.plan?.plan ?? planRelease(place, spec);
  const hash = job.claim.plan?.hash ?? planHash(plan);
  if (job.claim.plan === null) await job.api.plan(plan, hash);
  const { changed } = await executePlan(job, plan, job.claim.plan?.states ?? []);
  job.record({ type: 'findings', scope: 'app', findings: assessApp(place.app, spec) });
  await awaitRoute(await job.address(), place.host, job.signal);
  const imageDigest = await digestOf(kube, place);
  return { changed, planHash: hash, url: `https://${place.host}/`, ...(imageDigest === null ? {} : { imageDigest }) };
}

/** A namespace that somebody else made is left alone, whatever its name. */
async function demandOwnNamespace(kube: Kube, place: AppPlace): Promise<void> {
  const name = namespaceFor(place);
  const live = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name });
  if (live === null) return;
  const owned = live.metadata.labels?.[labels.project] === place.project && live.metadata.labels[labels.environment] === place.environment;
  if (owned) return;
  throw new Fault('conflict', {
    message: `namespace ${name} stands on the cluster already and is not ours`,
    reason: 'namespace_foreign',
    hint: `use another project or environment, or remove it: k3s kubectl delete namespace ${name}`,
  });
}

/** What the tag meant when the node pulled it: the digest of the pods of this release. */
async function digestOf(kube: Kube, place: AppPlace): Promise<string | null> {
  const pods = await kube.list({
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: namespaceFor(place),
    labels: `${labels.release}=${place.releaseId}`,
  });
  for (const pod of pods) {
    const digest = imageIds(pod)
      .map((id) => /sha256:[0-9a-f]{64}$/.exec(id)?.[0])
      .find((found) => found !== undefined);
    if (digest !== undefined) return digest;
  }
  return null;
}

function imageIds(pod: LiveObject): string[] {
  const statuses = (pod.status as { containerStatuses?: { imageID?: unknown }[] } | undefined)?.containerStatuses ?? [];
  return statuses.map((status) => String(status.imageID ?? ''));
}
