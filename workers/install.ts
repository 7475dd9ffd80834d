import { curlLine, certificateNotice } from '../core/cluster/page.ts';
import { Fault } from '../core/fault.ts';
import { assessHardening } from '../core/hardening/assess.ts';
import { assessK3s } from '../core/k3s/assess.ts';
import { clusterFacts, type K3sFacts } from '../core/k3s/facts.ts';
import { planInstall, type InstallWish } from '../core/k3s/install.ts';
import { preflight } from '../core/k3s/preflight.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import { assessServer } from '../core/server/assess.ts';
import type { ServerFacts } from '../core/server/facts.ts';
import { checkEdge } from './edge-check.ts';
import { executePlan } from './execute.ts';
import { freezePlan } from './freeze.ts';
import type { Job } from './job.ts';
import { hardenWish, readServer } from './server-facts.ts';

interface Seen {
  server: ServerFacts;
  facts: K3sFacts;
}

/** From a bare server to a hardened cluster with an ingress. A frozen plan is resumed: every step looks at the host before it acts. */
export async function runInstall(job: Job, input: RunInput<'install'>): Promise<RunResult> {
  const frozen = job.claim.plan;
  const before = frozen === null ? await look(job) : null;
  const wish = installWish(job, input, before?.server ?? null);
  let plan = frozen?.plan;
  let hash = frozen?.hash;
  if (before !== null) {
    demandFit(job, wish, before.facts);
    plan = planInstall(wish, before.server, before.facts);
    hash = await freezePlan(job, plan, input.planHash, input.clusterId);
  }
  if (plan === undefined || hash === undefined) throw new Fault('internal', 'an install without a plan');
  if (input.planOnly) {
    if (before !== null) report(job, wish, before);
    return { changed: 0, planHash: hash, planOnly: true };
  }
  const { changed } = await executePlan(job, plan, frozen?.states ?? []);
  const after = await look(job);
  const findings = report(job, installWish(job, input, after.server), after, await checkEdge(await job.address(), input.domain));
  job.note(findings === 0 ? 'nothing is left to mend' : `${findings} findings are left; read them with kip server show`);
  job.note(`${certificateNotice}\n${curlLine(`<app>-<environment>.${input.domain}`, job.claim.target.address)}`);
  return { changed, planHash: hash, clusterVersion: await versionOf(job), url: `https://${input.domain}/` };
}

async function look(job: Job): Promise<Seen> {
  const server = await readServer(job);
  return { server, facts: clusterFacts(server, Date.now(), job.claim.target.address) };
}

function installWish(job: Job, input: RunInput<'install'>, server: ServerFacts | null): InstallWish {
  const { clusterId, clusterName, domain, tlsSans, artefacts, ...rest } = input;
  const harden = server === null ? { ...rest, sameHost: false } : hardenWish(job, rest, server);
  const version = artefacts.find((one) => one.name === 'k3s')?.version ?? '';
  return { k3s: { clusterId, clusterName, version, domain, tlsSans, artefacts, kernelSettings: !input.noHarden }, harden };
}

/** The worst reason ends the run before anything is changed; the others are noted beside it. */
function demandFit(job: Job, wish: InstallWish, facts: K3sFacts): void {
  const [worst, ...others] = preflight(wish.k3s, facts);
  for (const fault of others) job.note(`also: ${fault.message}; ${fault.hint ?? ''}`);
  if (worst !== undefined) throw worst;
}

function report(job: Job, wish: InstallWish, seen: Seen, outside: ReturnType<typeof assessK3s> = []): number {
  const ofServer = [...assessServer(seen.server), ...assessHardening(wish.harden, seen.server)];
  const ofCluster = [...assessK3s(wish.k3s, seen.facts), ...outside];
  job.record({ type: 'facts', facts: seen.server });
  job.record({ type: 'findings', scope: 'server', findings: ofServer });
  job.record({ type: 'findings', scope: 'cluster', findings: ofCluster });
  return ofServer.length + ofCluster.length;
}

async function versionOf(job: Job): Promise<string> {
  const { body } = await (await job.kube()).raw('/version');
  const version = (body as { gitVersion?: unknown }).gitVersion;
  return typeof version === 'string' ? version.slice(0, 100) : 'unknown';
}
