import ipaddr from 'ipaddr.js';

const metadata = new Set(['169.254.169.254', 'fd00:ec2::254', '100.100.100.200']);

/**
 * Whether a worker may dial an address. Link-local, metadata, multicast and unspecified ones never; private and loopback
 * ones only where KIPPER_TARGETS is `any`.
 */
export function mayDial(address: string, targets: 'any' | 'public'): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (metadata.has(parsed.toString())) return false;
  const range = parsed.range();
  if (range === 'unicast') return true;
  return targets === 'any' && ['private', 'loopback', 'uniqueLocal', 'carrierGradeNat'].includes(range);
}
