import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { assessHardening } from '../core/hardening/assess.ts';
import type { HardenWish } from '../core/hardening/wish.ts';
import { parseSections } from '../core/probe.ts';
import type { RunInput } from '../core/runs.ts';
import { assessServer } from '../core/server/assess.ts';
import { parseServer, type ServerFacts, serverProbes } from '../core/server/facts.ts';
import type { Job } from './job.ts';

/** Probes the server once. Throws the Fault `probe_malformed` when its answer is out of shape. */
export async function readServer(job: Job): Promise<ServerFacts> {
  const session = await job.session();
  return parseServer(parseSections(await session.probe(serverProbes)));
}

/** Sends what the server is and what the controls find on it to the record. */
export function reportServer(job: Job, wish: HardenWish, facts: ServerFacts): void {
  job.record({ type: 'facts', facts });
  job.record({ type: 'findings', scope: 'server', findings: [...assessServer(facts), ...assessHardening(wish, facts)] });
}

/** The input of a run together with what only the worker knows: whether the server is the machine it runs on. */
export function hardenWish(job: Job, input: RunInput<'harden'>, facts: ServerFacts): HardenWish {
  return { ...input, sameHost: isThisMachine(job.claim.target.address, facts.machineId) };
}

/** By machine-id, or by an address that is one of our own: a container has another machine-id than its host. */
function isThisMachine(address: string, machineId: string | null): boolean {
  const own = Object.values(networkInterfaces()).flatMap((each) => each?.map((one) => one.address) ?? []);
  return own.includes(address) || (machineId !== null && machineId === ownMachineId());
}

function ownMachineId(): string | null {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return null;
  }
}
