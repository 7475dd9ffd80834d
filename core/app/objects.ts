import { labels, type KubernetesObject } from '../manifest.ts';
import { namespaceFor, type AppPlace } from './names.ts';
import { podTemplate, selector } from './pod.ts';
import { ingressPolicy, namespacePolicies } from './policies.ts';
import { headersMiddleware, headersName, ingressRoute, rateLimitMiddleware } from './route.ts';
import type { AppSpec } from './spec.ts';

/** The namespace of an environment with what holds for everything in it. */
export function namespaceObjects(place: AppPlace): KubernetesObject[] {
  const namespace = namespaceFor(place);
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: {
          [labels.managedBy]: 'kipper',
          [labels.project]: place.project,
          [labels.environment]: place.environment,
          'pod-security.kubernetes.io/enforce': 'baseline',
          'pod-security.kubernetes.io/enforce-version': 'latest',
          'pod-security.kubernetes.io/warn': 'restricted',
          'pod-security.kubernetes.io/warn-version': 'latest',
          'pod-security.kubernetes.io/audit': 'restricted',
          'pod-security.kubernetes.io/audit-version': 'latest',
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'kipper', namespace },
      spec: {
        hard: {
          'services.nodeports': '0',
          'services.loadbalancers': '0',
          pods: '100',
          'requests.cpu': '32',
          'requests.memory': '64Gi',
          'limits.memory': '64Gi',
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'kipper', namespace },
      spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '50m', memory: '64Mi' }, default: { memory: '256Mi' } }] },
    },
    ...namespacePolicies(place),
  ];
}

/** The objects of one release in the order of their applying; the route is switched last. */
export function appObjects(place: AppPlace, spec: AppSpec): KubernetesObject[] {
  const namespace = namespaceFor(place);
  const own = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: place.app, namespace }, automountServiceAccountToken: false },
    ingressPolicy(place, spec.port),
    service(place),
    ...(spec.securityHeaders ? [headersMiddleware(place, spec)] : []),
    rateLimitMiddleware(place, spec),
    deployment(place, spec),
    ingressRoute(place, spec),
  ];
  return [...namespaceObjects(place), ...own].map((object) => labelled(object, place, own.includes(object)));
}

/** What an earlier release may have left and this one does not want. */
export function leftovers(place: AppPlace, spec: AppSpec): KubernetesObject[] {
  if (spec.securityHeaders) return [];
  return [
    { apiVersion: 'traefik.io/v1alpha1', kind: 'Middleware', metadata: { name: headersName(place.app), namespace: namespaceFor(place) } },
  ];
}

function service(place: AppPlace): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: place.app, namespace: namespaceFor(place) },
    spec: { type: 'ClusterIP', selector: selector(place), ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }] },
  };
}

function deployment(place: AppPlace, spec: AppSpec): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: place.app, namespace: namespaceFor(place), labels: { [labels.release]: place.releaseId } },
    spec: {
      replicas: spec.replicas,
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: 180,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector(place) },
      template: podTemplate(place, spec),
    },
  };
}

function labelled(object: KubernetesObject, place: AppPlace, own: boolean): KubernetesObject {
  const common = { [labels.managedBy]: 'kipper', [labels.project]: place.project, [labels.environment]: place.environment };
  const ofApp = own ? { [labels.app]: place.app } : {};
  return { ...object, metadata: { ...object.metadata, labels: { ...common, ...ofApp, ...object.metadata.labels } } };
}
