import type { Finding } from '../../control.ts';
import type { Step } from '../../plan.ts';
import type { ServerFacts } from '../../server/facts.ts';
import { meaningful } from '../../server/reading.ts';
import { isActive } from '../../server/units.ts';
import { foreignCluster, podNetwork, serviceNetwork } from '../ports.ts';
import { daemonReload, installPackage, textFile, units } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

export const guardPath = '/etc/kipper/guard.nft';
export const guardUnit = 'kipper-guard.service';
const unitPath = `/etc/systemd/system/${guardUnit}`;

/** Before NAT rewrites a port (priority mangle), after connections are known. add, delete, define: one atomic replacement. */
export const guardText = `# Written by Kipper: closes what a host firewall cannot, because kube-proxy's rules run before it.
add table inet kipper_guard
delete table inet kipper_guard
table inet kipper_guard {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		iifname { "lo", "cni0" } accept
		iifname "flannel*" accept
		ct state established,related accept
		tcp dport { 2379-2380, 10250, 30000-32767 } drop
		udp dport { 8472, 30000-32767 } drop
		ip saddr { ${podNetwork}, ${serviceNetwork} } drop
		ip daddr { ${podNetwork}, ${serviceNetwork} } drop
	}
}
`;

const unitText = `[Unit]
Description=Kipper guard: closes kubelet, etcd, vxlan and NodePorts to the outside
DefaultDependencies=no
After=local-fs.target nftables.service
Before=network-pre.target k3s.service k3s-agent.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f ${guardPath}
ExecReload=/usr/sbin/nft -f ${guardPath}
ExecStop=-/usr/sbin/nft delete table inet kipper_guard

[Install]
WantedBy=multi-user.target
`;

const holds = (facts: ServerFacts, path: string, text: string) => facts.ownFiles[path]?.join('\n') === meaningful(text).join('\n');
const loaded = (facts: ServerFacts) => facts.firewall.nft.some((chain) => chain.table === 'inet kipper_guard');
const canInstall = (facts: ServerFacts) => facts.packages.installed.includes('nftables') || facts.packages.manager === 'apt';

function wrong(facts: ServerFacts): string[] {
  return [
    ...(loaded(facts) ? [] : ['the nftables table inet kipper_guard is not loaded']),
    ...(holds(facts, guardPath, guardText) ? [] : [`${guardPath} is missing or differs`]),
    ...(holds(facts, unitPath, unitText) && facts.units[guardUnit]?.file === 'enabled'
      ? []
      : [`${guardUnit} would not load it after a reboot`]),
  ];
}

function assess(facts: ServerFacts): Finding[] {
  const evidence = wrong(facts);
  if (evidence.length === 0) return [];
  const cluster = foreignCluster(facts);
  if (cluster !== null) {
    return [
      finding(control, {
        severity: 'info',
        evidence: `${cluster} is here: the guard could cut its nodes off from each other`,
        hint: 'close 10250, 2379-2380, 8472/udp and 30000-32767 to the outside yourself',
        remedy: 'owner',
      }),
    ];
  }
  const parts = {
    evidence: evidence.join('; '),
    hint: 'UFW and firewalld cannot close NodePorts; the guard does, and drops outside packets that claim to belong to pods',
  };
  if (canInstall(facts)) return [finding(control, parts)];
  return [finding(control, { ...parts, hint: 'install nftables, then run kip server harden again', remedy: 'owner' })];
}

function plan(facts: ServerFacts): Step[] {
  if (wrong(facts).length === 0 || !canInstall(facts) || foreignCluster(facts) !== null) return [];
  const named = (what: string, title: string) => ({ id: `${control.id}/${what}`, control: control.id, title });
  const [rules, unit] = [holds(facts, guardPath, guardText), holds(facts, unitPath, unitText)];
  const steps: Step[] = [];
  if (!facts.packages.installed.includes('nftables')) steps.push(installPackage(control.id, 'nftables'));
  if (!rules) steps.push(textFile(named('rules', `write ${guardPath}`), guardPath, guardText));
  if (!unit)
    steps.push(
      textFile(named('unit', `write ${unitPath}`), unitPath, unitText),
      daemonReload(named('reload', 'let systemd read its units again')),
    );
  const how = isActive(facts.units, guardUnit) ? 'restarted' : 'started';
  steps.push(units(named('load', 'load the guard now and at every boot, before k3s'), [guardUnit], 'enabled', how));
  return steps;
}

const control: HardeningControl = {
  id: 'guard',
  title: 'cluster ports are closed to the outside',
  why: 'kube-proxy accepts NodePorts before a host firewall sees them, and kubelet, etcd and the unauthenticated overlay network must never be public.',
  severity: 'high',
  standards: ['k3s-cis-1.9 4.3.1'],
  optOut: 'noFirewall',
  undo: 'the nftables table, its unit and its file are removed',
  clusterNeeds: true,
  assess,
  plan,
};

export const guard = control;
