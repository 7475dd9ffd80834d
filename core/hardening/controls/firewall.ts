import type { Finding } from '../../control.ts';
import type { Step } from '../../plan.ts';
import type { ServerFacts } from '../../server/facts.ts';
import { firewallMarker, foreignFirewall, type ForeignFirewall } from '../../server/firewall.ts';
import { meaningful } from '../../server/reading.ts';
import { ufwOpens, ufwTrusts } from '../../server/ufw.ts';
import { foreignCluster, neededPorts, podNetwork, serviceNetwork, sshPorts } from '../ports.ts';
import { installPackage, textFile, ufw } from '../steps.ts';
import { finding, type HardeningControl, type HardenWish } from '../wish.ts';

const trusted = [podNetwork, serviceNetwork];

function markerText(ports: readonly number[]): string {
  return `${JSON.stringify({ madeBy: 'kipper', tcp: ports, from: trusted })}\n`;
}

function list(ports: readonly number[]): string {
  return ports.length < 2 ? String(ports[0] ?? '') : `${ports.slice(0, -1).join(', ')} and ${ports.at(-1)}`;
}

/** What our own firewall still lacks; nothing when it stands as it should. */
function gaps(facts: ServerFacts): string[] {
  const { ufw: state } = facts.firewall;
  if (!state.enabled) return [state.present ? 'UFW is installed and off' : 'no host firewall is active'];
  const shut = neededPorts(facts).filter((port) => !ufwOpens(state, port));
  return [
    ...(shut.length > 0 ? [`UFW does not allow port ${list(shut)}`] : []),
    ...trusted.filter((from) => !ufwTrusts(state, from)).map((from) => `UFW does not allow ${from}`),
    ...(state.input === 'DROP' || state.input === 'REJECT' ? [] : [`UFW's incoming policy is ${state.input ?? 'unknown'}`]),
    ...(state.forward === 'ACCEPT' ? [] : [`UFW's forward policy is ${state.forward ?? 'unknown'}`]),
  ];
}

/** Rules of the owner, written while UFW was off, that would shut a port we need as soon as it is on. */
function traps(facts: ServerFacts): number[] {
  const { ufw: state } = facts.firewall;
  const asOn = { ...state, input: 'ACCEPT' };
  return state.enabled ? [] : neededPorts(facts).filter((port) => !ufwOpens(asOn, port));
}

function refused(facts: ServerFacts, wish: HardenWish): Finding | null {
  const foreign = foreignFirewall(facts.firewall, facts.units);
  if (foreign !== null) return foreignFinding(facts, foreign);
  const cluster = foreignCluster(facts);
  if (cluster !== null) {
    return finding(control, {
      evidence: `no host firewall is active, and ${cluster} is here: its networks and node ports are not known to Kipper`,
      hint: `set up a firewall that allows ${list(neededPorts(facts))} and what that cluster's nodes and pods need`,
      remedy: 'owner',
    });
  }
  if (wish.sameHost && !wish.yesSameHost) {
    return finding(control, {
      evidence: "this server is the control plane's own machine; a firewall could close the port that it is reached by",
      hint: `open the control plane's port yourself and repeat with --yes-same-host, or use --no-firewall`,
      remedy: 'owner',
    });
  }
  const shut = traps(facts);
  if (shut.length > 0) {
    const evidence = `UFW is off, but has rules that would close port ${list(shut)} once it is on`;
    return finding(control, {
      evidence,
      hint: `look at them with \`ufw show added\` and delete them, then run kip server harden again`,
      remedy: 'owner',
    });
  }
  if (!facts.firewall.ufw.present && facts.packages.manager !== 'apt') {
    return finding(control, {
      evidence: 'no host firewall is active, and UFW cannot be installed with apt here',
      hint: `set up firewalld to allow ${list(neededPorts(facts))} and to trust ${trusted.join(' and ')}`,
      remedy: 'owner',
    });
  }
  return null;
}

function foreignFinding(facts: ServerFacts, foreign: ForeignFirewall): Finding {
  const needed = neededPorts(facts);
  const shut = needed.filter((port) => !foreign.opens(port));
  const closed = shut.length === 0 ? 'all of them look open' : `these look closed: ${list(shut)}`;
  return finding(control, {
    title: 'a firewall that Kipper did not make is active',
    severity: shut.length === 0 ? 'info' : 'medium',
    evidence: `${foreign.evidence}; of the ports ${list(needed)} ${closed}`,
    hint: `Your firewall configuration is your responsibility; the rules need to allow ${list(needed)}, and traffic from ${trusted.join(' and ')}`,
    remedy: 'owner',
  });
}

function cloud(facts: ServerFacts): Finding {
  return finding(control, {
    title: "a provider's firewall cannot be seen from here",
    severity: 'info',
    evidence: 'cloud firewalls and security groups filter before the server; nothing on the server tells of them',
    hint: `if you use one, let it pass ${list(neededPorts(facts))}`,
    remedy: 'owner',
  });
}

function assess(facts: ServerFacts, wish: HardenWish): Finding[] {
  const refusal = refused(facts, wish);
  if (refusal !== null) return [refusal, cloud(facts)];
  const missing = gaps(facts);
  const hint = `UFW will deny what comes in but for ${list(neededPorts(facts))} (SSH: ${list(sshPorts(facts))}) and the cluster's own networks`;
  return [...(missing.length === 0 ? [] : [finding(control, { evidence: missing.join('; '), hint })]), cloud(facts)];
}

function plan(facts: ServerFacts, wish: HardenWish): Step[] {
  if (refused(facts, wish) !== null) return [];
  const ports = neededPorts(facts);
  const marker = markerText(ports);
  const named = (what: string, title: string) => ({ id: `${control.id}/${what}`, control: control.id, title });
  const steps: Step[] = [];
  if (facts.packages.manager === 'apt' && !facts.packages.installed.includes('ufw')) steps.push(installPackage(control.id, 'ufw'));
  // The marker stands before the firewall does: a run cut off between the two must not take its own work for somebody's.
  if (facts.ownFiles[firewallMarker]?.join('\n') !== meaningful(marker).join('\n')) {
    steps.push(textFile(named('marker', `note in ${firewallMarker} that this firewall is Kipper's`), firewallMarker, marker));
  }
  if (gaps(facts).length > 0) {
    steps.push(
      ufw(named('ufw', `deny incoming traffic with UFW but for tcp ${ports.join(', ')} and ${trusted.join(', ')}`), ports, trusted),
    );
  }
  return steps;
}

const control: HardeningControl = {
  id: 'firewall',
  title: 'a host firewall denies what is not needed',
  why: 'What listens by mistake, now or later, stays out of reach; the rules are those k3s needs so that pods and DNS keep working.',
  severity: 'high',
  standards: ['CIS Debian 12 4.2.1', 'CIS Debian 12 4.2.7'],
  optOut: 'noFirewall',
  undo: 'the old rules and policies of UFW come back, and its old state, on or off',
  clusterNeeds: true,
  assess,
  plan,
};

export const firewall = control;
