import type { KubernetesObject } from '../manifest.ts';

/** One end of a flow: a pod with its labels, or an address outside the cluster. */
export type Endpoint = { namespace: string; namespaceLabels: Record<string, string>; labels: Record<string, string> } | { address: string };

export interface Flow {
  from: Endpoint;
  to: Endpoint;
  port: number;
  protocol: 'TCP' | 'UDP';
}

interface Peer {
  podSelector?: { matchLabels?: Record<string, string> };
  namespaceSelector?: { matchLabels?: Record<string, string> };
  ipBlock?: { cidr: string; except?: string[] };
}
interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: { protocol?: string; port?: number }[];
}
interface PolicySpec {
  podSelector: { matchLabels?: Record<string, string> };
  policyTypes: string[];
  ingress?: Rule[];
  egress?: Rule[];
}

/**
 * What a set of NetworkPolicies lets through, by the rules of networking.k8s.io/v1: a pod chosen by no policy of a direction is open,
 * otherwise one matching rule is needed; a rule without peers means everybody. Says nothing of whether a controller enforces it.
 */
export function reaches(policies: readonly KubernetesObject[], flow: Flow): boolean {
  return allows(policies, flow, 'Egress') && allows(policies, flow, 'Ingress');
}

function allows(policies: readonly KubernetesObject[], flow: Flow, direction: 'Ingress' | 'Egress'): boolean {
  const self = direction === 'Egress' ? flow.from : flow.to;
  const other = direction === 'Egress' ? flow.to : flow.from;
  if ('address' in self) return true;
  const chosen = policies.filter((policy) => {
    const spec = policy['spec'] as PolicySpec;
    return (
      policy.metadata.namespace === self.namespace &&
      spec.policyTypes.includes(direction) &&
      selects(spec.podSelector.matchLabels, self.labels)
    );
  });
  if (chosen.length === 0) return true;
  return chosen.some((policy) => {
    const spec = policy['spec'] as PolicySpec;
    const rules = (direction === 'Egress' ? spec.egress : spec.ingress) ?? [];
    return rules.some(
      (rule) => portMatches(rule, flow) && peerMatches(direction === 'Egress' ? rule.to : rule.from, other, self.namespace),
    );
  });
}

function portMatches(rule: Rule, flow: Flow): boolean {
  if (rule.ports === undefined || rule.ports.length === 0) return true;
  return rule.ports.some((port) => (port.protocol ?? 'TCP') === flow.protocol && (port.port === undefined || port.port === flow.port));
}

function peerMatches(peers: Peer[] | undefined, other: Endpoint, namespace: string): boolean {
  if (peers === undefined || peers.length === 0) return true;
  return peers.some((peer) => {
    if (peer.ipBlock !== undefined) return 'address' in other && inBlock(other.address, peer.ipBlock);
    if ('address' in other) return false;
    const space =
      peer.namespaceSelector === undefined
        ? other.namespace === namespace
        : selects(peer.namespaceSelector.matchLabels, other.namespaceLabels);
    return space && (peer.podSelector === undefined || selects(peer.podSelector.matchLabels, other.labels));
  });
}

function selects(wanted: Record<string, string> | undefined, have: Record<string, string>): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => have[key] === value);
}

function inBlock(address: string, block: { cidr: string; except?: string[] }): boolean {
  return inCidr(address, block.cidr) && !(block.except ?? []).some((cidr) => inCidr(address, cidr));
}

/** Whether an address lies in a CIDR block of the same family (RFC 4632, RFC 4291). */
export function inCidr(address: string, cidr: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  if (address.includes(':') !== network.includes(':')) return false;
  const width = address.includes(':') ? 128n : 32n;
  const shift = width - BigInt(bits);
  return toNumber(address) >> shift === toNumber(network) >> shift;
}

function toNumber(address: string): bigint {
  if (!address.includes(':')) return address.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const middle = address.includes('::') ? Array.from({ length: 8 - left.length - right.length }, () => '0') : [];
  return [...left, ...middle, ...right].reduce((sum, part) => (sum << 16n) + BigInt(`0x${part}`), 0n);
}
