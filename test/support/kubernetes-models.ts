import * as traefik from '@kubernetes-models/traefik/traefik.io/v1alpha1';
import * as extensions from 'kubernetes-models/apiextensions.k8s.io/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as rbac from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import * as core from 'kubernetes-models/v1';
import type { KubernetesObject } from '../../core/manifest.ts';

type Model = new (data: never) => { validate(): void };

const groups: Record<string, Record<string, unknown>> = {
  v1: core,
  'apps/v1': apps,
  'networking.k8s.io/v1': networking,
  'rbac.authorization.k8s.io/v1': rbac,
  'apiextensions.k8s.io/v1': extensions,
  'traefik.io/v1alpha1': traefik,
};

/** Throws when an object does not fit the schema that its API publishes. */
export function validateObject(object: KubernetesObject): void {
  const model = groups[object.apiVersion]?.[object.kind] as Model | undefined;
  if (model === undefined) throw new TypeError(`there is no model of ${object.kind} in ${object.apiVersion}`);
  new model(object as never).validate();
}
