/** Cloud metadata services outside the link-local range. */
const metadata = new Set(['100.100.100.200', '168.63.129.16', 'fd00:ec2::254']);

const privateRanges = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);

/**
 * The rule of KIPPER_TARGETS for a resolved address, given as its canonical text and its range in the words of ipaddr.js: link-local,
 * metadata, multicast and unspecified addresses never; private and loopback ones only where it says `any` (T52).
 */
export function mayReach(address: { text: string; range: string }, targets: 'any' | 'public'): boolean {
  if (metadata.has(address.text)) return false;
  return address.range === 'unicast' || (targets === 'any' && privateRanges.has(address.range));
}
