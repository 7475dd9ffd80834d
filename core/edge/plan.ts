import { baselineObjects } from '../cluster/baseline.ts';
import { nameOf, type KubernetesObject } from '../manifest.ts';
import type { ManifestStep, Step } from '../plan.ts';
import { traefikDefinitions } from './crds.ts';
import { traefikObjects, type EdgeWish } from './traefik.ts';

const minuteMs = 60_000;

function applyStep(control: string, object: KubernetesObject, wait?: ManifestStep['wait']): Step {
  return {
    kind: 'manifest',
    id: `${control}/${object.kind.toLowerCase()}/${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name}`,
    title: `apply ${nameOf(object)}${wait === undefined ? '' : ` and wait until it is ${wait}`}`,
    control,
    timeoutMs: wait === 'available' ? 5 * minuteMs : 2 * minuteMs,
    verb: 'apply',
    object,
    ...(wait === undefined ? {} : { wait }),
  };
}

/** Namespaces and rules that every cluster has, then the ingress. */
export function planEdge(wish: EdgeWish): Step[] {
  return [
    ...baselineObjects().map((object) => applyStep('cluster-baseline', object)),
    ...traefikDefinitions().map((object) => applyStep('edge', object, 'established')),
    ...traefikObjects(wish).map((object) => applyStep('edge', object, object.kind === 'DaemonSet' ? 'available' : undefined)),
  ];
}
