import { nameOf, type KubernetesObject } from '../manifest.ts';
import { makePlan, type Plan, type Step } from '../plan.ts';
import type { AppPlace } from './names.ts';
import { appObjects, leftovers } from './objects.ts';
import type { AppSpec } from './spec.ts';

const applyTimeoutMs = 60_000;
/** Longer than the Deployment's own progress deadline, so that Kubernetes has the first word. */
export const rolloutTimeoutMs = 240_000;

function manifestStep(object: KubernetesObject, verb: 'apply' | 'delete'): Step {
  const waits = verb === 'apply' && object.kind === 'Deployment';
  return {
    kind: 'manifest',
    id: `${verb}/${object.kind}/${object.metadata.name}`,
    title: `${verb} ${nameOf(object)}${waits ? ' and wait until it is available' : ''}`,
    verb,
    object,
    timeoutMs: waits ? rolloutTimeoutMs : applyTimeoutMs,
    ...(waits ? { wait: 'available' as const } : {}),
  };
}

/** Everything a release needs, then the removal of what it no longer wants. */
export function planRelease(place: AppPlace, spec: AppSpec): Plan {
  const steps = [
    ...appObjects(place, spec).map((object) => manifestStep(object, 'apply')),
    ...leftovers(place, spec).map((object) => manifestStep(object, 'delete')),
  ];
  return makePlan({ app: place, spec }, steps);
}

/** Takes one app away: the route first, so that nobody meets a half-gone app. The namespace and its rules stay. */
export function planRetirement(place: AppPlace, spec: AppSpec): Plan {
  const namespaced = appObjects(place, { ...spec, securityHeaders: true }).filter(
    (object) => object.metadata.labels?.['kipper.run/app'] === place.app,
  );
  return makePlan(
    { retire: place },
    namespaced.reverse().map((object) => manifestStep(object, 'delete')),
  );
}
