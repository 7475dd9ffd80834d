import { labels, type KubernetesObject } from '../manifest.ts';

export const systemNamespace = 'kipper-system';
export const ingressNamespace = 'kipper-ingress';

type PodSecurity = 'privileged' | 'baseline' | 'restricted';

/** What is warned about and audited is always `restricted`, whatever is enforced. */
export function podSecurityLabels(enforce: PodSecurity): Record<string, string> {
  const modes = {
    enforce,
    audit: enforce === 'privileged' ? enforce : 'restricted',
    warn: enforce === 'privileged' ? enforce : 'restricted',
  };
  return Object.fromEntries(
    Object.entries(modes).flatMap(([mode, level]) => [
      [`pod-security.kubernetes.io/${mode}`, level],
      [`pod-security.kubernetes.io/${mode}-version`, 'latest'],
    ]),
  );
}

export function owned(extra: Record<string, string> = {}): Record<string, string> {
  return { [labels.managedBy]: 'kipper', ...extra };
}

function namespace(name: string, enforce: PodSecurity): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: owned(podSecurityLabels(enforce)) } };
}

/** No pod gets a token of the API unless it asks for an account of its own (CIS 5.1.5, 5.1.6). */
function tokenlessDefault(inNamespace: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: inNamespace, labels: owned() },
    automountServiceAccountToken: false,
  };
}

function denyAll(inNamespace: string): KubernetesObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'default-deny', namespace: inNamespace, labels: owned() },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  };
}

/**
 * What every cluster of ours has before anything else comes in. The ingress namespace is privileged because Traefik holds host
 * ports; nobody but us has rights there. `default` is nobody's: it may hold no pods.
 */
export function baselineObjects(): KubernetesObject[] {
  return [
    namespace(systemNamespace, 'restricted'),
    namespace(ingressNamespace, 'privileged'),
    tokenlessDefault(systemNamespace),
    tokenlessDefault(ingressNamespace),
    tokenlessDefault('default'),
    denyAll(systemNamespace),
    denyAll(ingressNamespace),
    denyAll('default'),
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'unused', namespace: 'default', labels: owned() },
      spec: { hard: { pods: '0', 'services.nodeports': '0', 'services.loadbalancers': '0' } },
    },
  ];
}
