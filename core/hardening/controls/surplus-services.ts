import type { Finding } from '../../control.ts';
import type { Step } from '../../plan.ts';
import type { ServerFacts } from '../../server/facts.ts';
import { describeListener, type Listener } from '../../server/listeners.ts';
import { isActive, isMasked, isThere } from '../../server/units.ts';
import { catalogue, kernelPorts, type KnownService, packageBrings } from '../catalogue.ts';
import { units } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

export interface Surplus {
  service: KnownService | null;
  listeners: Listener[];
  /** Units to stop and mask; empty when it is not ours to touch. */
  units: string[];
}

/** What listens beyond loopback and does not belong here, one entry a service or unknown program. */
export function surplusOf(facts: ServerFacts): Surplus[] {
  const found = new Map<string, Surplus>();
  for (const listener of facts.listeners.filter((each) => each.scope !== 'loopback')) {
    const service = recognise(listener, facts);
    if (service?.verdict === 'never') continue;
    const key = service?.id ?? `${listener.process ?? 'kernel'} ${listener.units.join(' ')}`;
    const entry = found.get(key) ?? { service, listeners: [], units: [] };
    entry.listeners.push(listener);
    found.set(key, entry);
  }
  for (const service of catalogue.filter((each) => each.evenStopped === true && each.units.some((unit) => isThere(facts.units, unit)))) {
    if (!found.has(service.id)) found.set(service.id, { service, listeners: [], units: [] });
  }
  return [...found.values()].map((entry) => ({ ...entry, units: unitsToMask(entry, facts) }));
}

/** By its unit, else by its program; a port alone proves nothing but for the kernel's own. */
function recognise(listener: Listener, facts: ServerFacts): KnownService | null {
  const place = `${listener.protocol}/${listener.port}`;
  if (listener.process === null && kernelPorts.has(place)) return catalogue.find((each) => each.id === 'cluster') ?? null;
  const byUnit = catalogue.find((each) => each.units.some((unit) => listener.units.includes(unit)));
  if (byUnit !== undefined) return byUnit;
  const byProcess = catalogue.find((each) => listener.process !== null && each.processes.includes(listener.process));
  if (byProcess !== undefined) return byProcess;
  if (listener.process !== null) return null;
  return catalogue.find((each) => each.ports.includes(place) && each.units.some((unit) => isActive(facts.units, unit))) ?? null;
}

function unitsToMask(entry: Surplus, facts: ServerFacts): string[] {
  const { service, listeners } = entry;
  if (service?.verdict !== 'automatic') return [];
  const reachable = listeners.some((each) => each.scope === 'wildcard' || each.scope === 'global');
  if (!reachable && service.evenStopped !== true) return [];
  return service.units.filter((unit) => isThere(facts.units, unit));
}

function evidenceOf(entry: Surplus): string {
  if (entry.listeners.length === 0)
    return `${entry.service?.name ?? 'a service'} is installed and could be started: ${entry.units.join(', ')}`;
  return `listens on ${entry.listeners.map(describeListener).join(', ')}`;
}

/** A guess by port, said as a guess. */
function looksLike(entry: Surplus): string {
  const [listener] = entry.listeners;
  const place = `${listener?.protocol}/${listener?.port}`;
  const guess = catalogue.find((each) => each.verdict !== 'never' && each.ports.includes(place));
  return guess === undefined ? '' : `; the port is that of ${guess.name}`;
}

function assessOne(entry: Surplus): Finding {
  const { service } = entry;
  const program = entry.listeners[0]?.process ?? 'a program';
  if (service === null) {
    return finding(control, {
      title: `${program} listens on a public address`,
      severity: 'low',
      evidence: `${evidenceOf(entry)}${looksLike(entry)}`,
      hint: `stop it, bind it to 127.0.0.1, or leave it to the firewall; see ss -lntup${entry.listeners[0]?.units.length ? ` and systemctl status ${entry.listeners[0].units[0]}` : ''}`,
      remedy: 'owner',
    });
  }
  const standards = service.standard === undefined ? control.standards : [service.standard];
  const severity = entry.listeners.length === 0 ? 'low' : service.severity;
  const title = `${service.name} ${entry.listeners.length === 0 ? 'is installed' : 'can be reached from outside'}`;
  if (entry.units.length > 0) {
    return finding(control, {
      title,
      severity,
      standards,
      evidence: evidenceOf(entry),
      hint: `reversal: systemctl unmask ${entry.units.join(' ')}, or kip server undo --control ${control.id}`,
    });
  }
  const hint =
    service.verdict === 'report'
      ? 'it may hold data or serve somebody, so Kipper leaves it to you: bind it to 127.0.0.1 or stop it'
      : 'it listens on a private address or runs without its usual unit, so Kipper leaves it to you';
  return finding(control, { title, severity, standards, evidence: evidenceOf(entry), hint, remedy: 'owner' });
}

/** Masks what a package is known to bring, to stand before the step that installs it. */
export function maskBefore(packageName: string, facts: ServerFacts): Step[] {
  return (packageBrings[packageName] ?? []).flatMap((id) => {
    const service = catalogue.find((each) => each.id === id);
    if (service === undefined || service.units.every((unit) => isMasked(facts.units, unit))) return [];
    return [
      units(
        { id: `surplus-services/${id}`, control: control.id, title: `mask ${service.name} before ${packageName} brings it` },
        service.units,
        'masked',
        'stopped',
      ),
    ];
  });
}

const control: HardeningControl = {
  id: 'surplus-services',
  title: 'no surplus service on a public address',
  why: 'Distributions leave services open that a cluster does not need; an open portmapper alone is an amplifier for attacks and brings abuse reports.',
  severity: 'high',
  standards: ['CIS Debian 12 2.1.22'],
  optOut: 'noHarden',
  undo: 'units are unmasked, enabled and started exactly as they were',
  clusterNeeds: false,
  assess: (facts) => surplusOf(facts).map(assessOne),
  plan: (facts) =>
    surplusOf(facts)
      .filter((entry) => entry.units.length > 0)
      .map((entry) => {
        const id = entry.service?.id ?? '';
        return units(
          { id: `${control.id}/${id}`, control: control.id, title: `stop and mask ${entry.service?.name} (${entry.units.join(', ')})` },
          entry.units,
          'masked',
          'stopped',
        );
      }),
};

export const surplusServices = control;
