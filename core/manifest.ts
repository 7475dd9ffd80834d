/** A Kubernetes object as it goes over the wire: plain JSON, never a generated class. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

export const fieldManager = 'kipper';

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  project: 'kipper.run/project',
  environment: 'kipper.run/environment',
  app: 'kipper.run/app',
  release: 'kipper.run/release',
} as const;

/** Writes carry the fence of their run; a lower one than the object's own is refused. */
export const fenceAnnotation = 'kipper.run/fence';

/** Tells an object in messages: `Deployment shop-production/web`. */
export function nameOf(object: KubernetesObject): string {
  const { name, namespace } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
