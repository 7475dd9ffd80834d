import type { KubernetesObject } from '../manifest.ts';
import { selector } from './pod.ts';
import { namespaceFor, type AppPlace } from './names.ts';

/** Ranges no app may reach by default: private, shared, link-local (cloud metadata), and two metadata addresses outside those. */
export const privateRanges4 = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '168.63.129.16/32'];
export const privateRanges6 = ['fc00::/7', 'fe80::/10'];

const policy = (namespace: string, name: string, spec: Record<string, unknown>): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec,
});

/** What holds for a whole namespace: nothing in, nothing out, but its own pods, DNS and the internet. */
export function namespacePolicies(place: AppPlace): KubernetesObject[] {
  const namespace = namespaceFor(place);
  const v4 = place.nodeAddresses.filter((address) => !address.includes(':')).map((address) => `${address}/32`);
  const v6 = place.nodeAddresses.filter((address) => address.includes(':')).map((address) => `${address}/128`);
  return [
    policy(namespace, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy(namespace, 'allow-same-namespace', {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: {} }] }],
      egress: [{ to: [{ podSelector: {} }] }],
    }),
    policy(namespace, 'allow-dns', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
              podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
            },
          ],
          ports: [
            { protocol: 'UDP', port: 53 },
            { protocol: 'TCP', port: 53 },
            { protocol: 'UDP', port: 1053 },
            { protocol: 'TCP', port: 1053 },
          ],
        },
      ],
    }),
    policy(namespace, 'allow-internet', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        {
          to: [
            { ipBlock: { cidr: '0.0.0.0/0', except: [...new Set([...privateRanges4, ...v4])] } },
            { ipBlock: { cidr: '::/0', except: [...new Set([...privateRanges6, ...v6])] } },
          ],
        },
      ],
    }),
  ];
}

/** Our own Traefik, by namespace and pod label together, on the app's port only. */
export function ingressPolicy(place: AppPlace, port: number): KubernetesObject {
  return policy(namespaceFor(place), `${place.app}-ingress`, {
    podSelector: { matchLabels: selector(place) },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kipper-ingress' } },
            podSelector: { matchLabels: { 'app.kubernetes.io/name': 'traefik' } },
          },
        ],
        ports: [{ protocol: 'TCP', port }],
      },
    ],
  });
}
