import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { probeScript } from '../../bootstrap/bundle.ts';
import { Fault } from '../../core/fault.ts';
import { assessHardening } from '../../core/hardening/assess.ts';
import { assessK3s } from '../../core/k3s/assess.ts';
import { archiveName, type ArtefactEntry } from '../../core/k3s/catalogue.ts';
import { clusterFacts } from '../../core/k3s/facts.ts';
import { planInstall, type InstallWish } from '../../core/k3s/install.ts';
import { preflight } from '../../core/k3s/preflight.ts';
import { defaultDomain, noClusterId, type PlannedArtefact } from '../../core/k3s/wish.ts';
import { domainName, serverName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { planText } from '../../core/plan.ts';
import { parseSections, probeMaxBytes } from '../../core/probe.ts';
import { runInputs } from '../../core/runs.ts';
import { causeOf, diagnose } from '../../core/server/doctor.ts';
import { dialAddress } from '../../core/server/enrolment.ts';
import { parseServer, serverProbes, type ServerFacts } from '../../core/server/facts.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { listArtefacts } from './artefacts.ts';
import { catalogueFor } from './catalogue.ts';

export const previewInput = z
  .strictObject({
    facts: z.string().max(probeMaxBytes).meta({ description: 'what the script of GET /v1/plans/probe printed on the server' }),
    address: dialAddress,
    name: serverName.optional(),
    domain: domainName.nullable().default(null),
    ...runInputs.harden.shape,
  })
  .meta({ id: 'PlanWish' });

const line = z.object({ title: z.string(), detail: z.string() });
export const previewView = z
  .object({
    hash: z.string(),
    steps: z.array(z.string()),
    /** What would stop the install, worst first. */
    refusals: z.array(z.object({ reason: z.string(), message: z.string(), hint: z.string() })),
    findings: z.array(line),
    /** Causes of the doctor that the facts show. */
    causes: z.array(z.object({ name: z.string(), sentence: z.string(), hint: z.string() })),
  })
  .meta({ id: 'PlanPreview' });
export type PreviewView = z.infer<typeof previewView>;

/** The sh text that looks at a server and changes nothing. */
export function installProbe(): string {
  return probeScript(serverProbes);
}

/** What an install would change, from facts that a person brings: nothing is created, here or there. */
export function previewInstall(ctx: Context, actor: Actor, input: z.input<typeof previewInput>): PreviewView {
  const { facts: text, address, name, domain, ...harden } = parsed(previewInput, input);
  const server = parseServer(parseSections(text));
  const facts = clusterFacts(server, ctx.now(), address);
  const chosen = domain ?? defaultDomain(address);
  if (chosen === null) {
    throw new Fault('invalid_input', {
      message: 'there is no IPv4 address to make a domain of',
      field: '/domain',
      hint: 'give one with --domain, such as apps.example.com',
    });
  }
  const entries = catalogueFor(ctx.config, facts.architecture);
  const wish: InstallWish = {
    k3s: {
      clusterId: noClusterId,
      clusterName: name ?? address.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-'),
      version: entries.find((entry) => entry.name === 'k3s')?.version ?? '',
      domain: chosen,
      tlsSans: isIP(address) !== 0 || domainName.safeParse(address).success ? [address] : [],
      artefacts: plannedArtefacts(ctx, actor, entries),
      kernelSettings: !harden.noHarden,
    },
    harden: { ...harden, sameHost: isThisMachine(address, server.machineId) },
  };
  const plan = planInstall(wish, server, facts);
  return {
    hash: createHash('sha256').update(planText(plan)).digest('hex'),
    steps: plan.steps.map((step) => step.title),
    refusals: preflight(wish.k3s, facts).map((fault) => ({
      reason: fault.reason ?? 'unknown',
      message: fault.message,
      hint: fault.hint ?? '',
    })),
    findings: [...assessHardening(wish.harden, server), ...assessK3s(wish.k3s, facts)].map(({ title, evidence }) => ({
      title,
      detail: evidence,
    })),
    causes: causesOf(server),
  };
}

function causesOf(server: ServerFacts): PreviewView['causes'] {
  return diagnose(server).map((name) => {
    const { sentence, hint } = causeOf(name);
    return { name, sentence, hint };
  });
}

/** As the install will carry them; one that nobody has accepted yet stands with an empty digest. */
function plannedArtefacts(ctx: Context, actor: Actor, entries: readonly ArtefactEntry[]): PlannedArtefact[] {
  const known = listArtefacts(ctx, actor);
  return entries.map((entry) => {
    const file = archiveName(entry);
    const sha256 = known.find((one) => one.name === entry.name && one.arch === entry.arch)?.sha256 ?? '0'.repeat(64);
    const bytes = entry.url === undefined ? 0 : (entry.bytes ?? 1);
    return {
      name: entry.name,
      version: entry.version,
      sha256,
      bytes,
      ...(entry.image === undefined ? {} : { image: entry.image }),
      ...(file === undefined ? {} : { file }),
    };
  });
}

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
