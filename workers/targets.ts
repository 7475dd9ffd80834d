import ipaddr from 'ipaddr.js';
import { mayReach } from '../core/targets.ts';

/** Whether a worker may dial an address, by KIPPER_TARGETS. An IPv4 address written as IPv6 counts as what it is. */
export function mayDial(address: string, targets: 'any' | 'public'): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return mayReach({ text: parsed.toString(), range: parsed.range() }, targets);
}
