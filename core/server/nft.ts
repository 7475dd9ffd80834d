export interface NftChain {
  table: string;
  chain: string;
  hook: string;
  policy: 'accept' | 'drop';
  rules: string[];
}

/** The base chains of `nft list ruleset`; rules only of those hooked to input. */
export function parseNft(lines: readonly string[]): NftChain[] {
  const chains: NftChain[] = [];
  let table = '';
  let chain = '';
  for (const line of lines) {
    const opened = /^table (\S+ \S+) \{/.exec(line)?.[1];
    const named = /^\tchain (\S+) \{/.exec(line)?.[1];
    const hook = /^\t\ttype \S+ hook (\S+) (?:device \S+ )?priority [^;]+;(?: policy (\w+);)?/.exec(line);
    if (opened !== undefined) table = opened;
    else if (named !== undefined) chain = named;
    else if (hook !== null) chains.push({ table, chain, hook: hook[1] ?? '', policy: hook[2] === 'drop' ? 'drop' : 'accept', rules: [] });
    else chains.at(-1)?.rules.push(line.trim());
  }
  return chains;
}

/** Made by programs that add to a firewall and are none, by ufw and iptables (asked themselves), or by us. */
const knownTables =
  /^(?:(?:ip|ip6) (?:filter|nat|mangle|raw|security)|\S+ (?:kipper_\S*|f2b\S*|fail2ban\S*|crowdsec\S*|kube-\S*|KUBE\S*|flannel\S*|cni\S*|firewalld|docker\S*|libvirt\S*|netavark|tailscale\S*|lxc|incus|io\.systemd\.nat))$/;

/** Base chains that keep traffic from this machine and were made by somebody else. */
export function foreignChains(chains: readonly NftChain[]): NftChain[] {
  const closes = (rule: string) => /(?:^| )(?:drop|reject)(?: |$)/.test(rule);
  return chains.filter(
    (chain) => chain.hook === 'input' && !knownTables.test(chain.table) && (chain.policy === 'drop' || chain.rules.some(closes)),
  );
}
