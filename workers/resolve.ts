import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Fault } from '../core/fault.ts';
import type { Target } from '../core/runs.ts';
import { hostFault } from './reasons.ts';
import { mayDial } from './targets.ts';

/**
 * The address that a run dials, judged before anything is sent to it; every dial of the run uses this one, so that a name cannot
 * lead elsewhere later. Throws a Fault `host_refused` (target_refused) or `host_unreachable` (dns_failed).
 */
export async function resolveTarget(target: Target, targets: 'any' | 'public'): Promise<string> {
  const first = (await addressesOf(target)).find((address) => mayDial(address, targets));
  if (first !== undefined) return first;
  throw new Fault('host_refused', {
    message: `${target.address} is an address that Kipper may not connect to`,
    hint: 'see KIPPER_TARGETS',
    reason: 'target_refused',
  });
}

async function addressesOf(target: Target): Promise<string[]> {
  if (isIP(target.address) !== 0) return [target.address];
  try {
    return (await lookup(target.address, { all: true, order: 'ipv4first' })).map((each) => each.address);
  } catch (thrown) {
    throw hostFault(target, 'dns_failed', thrown);
  }
}
