import type { Sections } from '../probe.ts';
import { statusOf } from '../probe.ts';
import { foreignChains, type NftChain, parseNft } from './nft.ts';
import { read, readTagged } from './reading.ts';
import { parseUfw, type UfwFacts, ufwOpens } from './ufw.ts';
import { isActive, type Units } from './units.ts';

export interface FirewallFacts {
  ufw: UfwFacts;
  /** Lines of the default zone when firewalld runs, else null. */
  firewalld: string[] | null;
  nft: NftChain[];
  /** The INPUT chain of iptables and ip6tables, as `-S` prints it. */
  iptables: string[];
  /** The marker we leave: this firewall is ours. */
  ours: boolean;
}

/** A firewall that somebody else answers for. */
export interface ForeignFirewall {
  kind: 'UFW' | 'firewalld' | 'nftables' | 'iptables' | 'CSF' | 'Shorewall' | 'ferm';
  evidence: string;
  /** Whether its rules seem to let everybody reach this TCP port. */
  opens(port: number): boolean;
}

export const firewallMarker = '/etc/kipper/firewall.json';

export function parseFirewall(sections: Sections): FirewallFacts {
  return {
    ufw: parseUfw(readTagged(sections, 'ufw'), read(sections, 'ufw_rules')),
    firewalld: statusOf(sections, 'firewalld') === 0 ? read(sections, 'firewalld') : null,
    nft: parseNft(read(sections, 'nft')),
    iptables: [...read(sections, 'iptables'), ...read(sections, 'ip6tables')],
    ours: readTagged(sections, 'own_files').some((file) => file.path === firewallMarker),
  };
}

const frontEnds = [
  ['csf.service', 'CSF'],
  ['shorewall.service', 'Shorewall'],
  ['ferm.service', 'ferm'],
] as const;

/** The firewall we must not lay rules over; null when there is none or it is ours. */
export function foreignFirewall(firewall: FirewallFacts, units: Units): ForeignFirewall | null {
  const { ufw } = firewall;
  if (ufw.enabled) {
    if (firewall.ours) return null;
    return {
      kind: 'UFW',
      evidence: `UFW is active with ${ufw.rules.length} rules that Kipper did not make`,
      opens: (port) => ufwOpens(ufw, port),
    };
  }
  if (firewall.firewalld !== null || isActive(units, 'firewalld.service')) {
    const lines = firewall.firewalld ?? [];
    return {
      kind: 'firewalld',
      evidence: `firewalld is running${lines[0] === undefined ? '' : `, default ${lines[0]}`}`,
      opens: (port) => zoneOpens(lines, port),
    };
  }
  for (const [unit, kind] of frontEnds) {
    if (isActive(units, unit)) return { kind, evidence: `${unit} is active`, opens: (port) => iptablesOpens(firewall.iptables, port) };
  }
  return foreignRules(firewall);
}

function foreignRules(firewall: FirewallFacts): ForeignFirewall | null {
  const chains = foreignChains(firewall.nft);
  const [first] = chains;
  if (first !== undefined) {
    const rules = chains.flatMap((chain) => chain.rules);
    const closedByDefault = chains.some((chain) => chain.policy === 'drop');
    const evidence = `nftables table ${first.table} filters input in chain ${first.chain} (policy ${first.policy}, ${first.rules.length} rules)`;
    return { kind: 'nftables', evidence, opens: (port) => nftOpens(rules, closedByDefault, port) };
  }
  const closing = firewall.iptables.find(
    (line) => /^-P INPUT (?:DROP|REJECT)/.test(line) || (/^-A INPUT .*-j (?:DROP|REJECT)/.test(line) && !narrow(line)),
  );
  if (closing === undefined) return null;
  return { kind: 'iptables', evidence: `iptables has \`${closing}\``, opens: (port) => iptablesOpens(firewall.iptables, port) };
}

/** A rule against one source or one port is a ban, not a firewall. */
function narrow(line: string): boolean {
  return / -s \S| --dports? | --match-set | -m set /.test(line);
}

const serviceNames: Readonly<Record<number, string>> = { 22: 'ssh', 80: 'http', 443: 'https', 6443: 'kube-apiserver' };

function zoneOpens(lines: readonly string[], port: number): boolean {
  return lines.some((line) => {
    if (line.includes('target="ACCEPT"')) return true;
    if (line.startsWith('<service') && line.includes(`name="${serviceNames[port] ?? '-'}"`)) return true;
    const range = /port="(\d+)(?:-(\d+))?"/.exec(line);
    return (
      line.startsWith('<port') &&
      line.includes('protocol="tcp"') &&
      range !== null &&
      Number(range[1]) <= port &&
      port <= Number(range[2] ?? range[1])
    );
  });
}

function nftOpens(rules: readonly string[], closedByDefault: boolean, port: number): boolean {
  for (const rule of rules) {
    const ports = /tcp dport (?:\{ ([^}]*) \}|(\S+))/.exec(rule);
    if (ports === null || / saddr /.test(` ${rule}`) || !coversNft(ports[1] ?? ports[2] ?? '', port)) continue;
    return / accept$| accept /.test(`${rule} `);
  }
  return !closedByDefault;
}

/** `22, 80, 8000-8100`, or service names. */
function coversNft(ports: string, port: number): boolean {
  return ports.split(/,\s*/).some((part) => {
    const [first = '', last = first] = part.split('-');
    return part === serviceNames[port] || (Number(first) <= port && port <= Number(last));
  });
}

function iptablesOpens(lines: readonly string[], port: number): boolean {
  for (const line of lines) {
    if (!line.startsWith('-A INPUT') || / -s \S| -i lo/.test(line)) continue;
    const ports = / --dports? (\S+)/.exec(line)?.[1];
    const covered =
      ports === undefined
        ? !/ -m (?:conntrack|state)| -p (?!tcp)/.test(line)
        : ports.split(',').some((part) => coversNft(part.replace(':', '-'), port));
    if (!covered || (ports !== undefined && !line.includes('-p tcp'))) continue;
    if (line.includes('-j ACCEPT')) return true;
    if (/-j (?:DROP|REJECT)/.test(line)) return false;
  }
  return !lines.some((line) => /^-P INPUT (?:DROP|REJECT)/.test(line));
}
