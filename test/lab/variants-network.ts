import { type Variant, unit } from './variant.ts';

const nftInput = (table: string, extra: string): string => `nft -f - <<'NFT'
table inet ${table} {
	chain input {
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iif lo accept
		meta l4proto { icmp, ipv6-icmp } accept
		tcp dport 22 accept
		${extra}
	}
}
NFT`;

/** Firewalls, ports and addresses that were there before us. */
export const networkVariants: Record<string, Variant> = {
  'ufw-active': { why: 'ufw is on and allows ssh only', afterBoot: 'ufw allow 22/tcp && ufw --force enable' },
  'firewalld-active': { why: 'firewalld rules the ports', prepare: 'systemctl enable -q firewalld.service' },
  'nft-foreign': { why: "somebody else's nftables table drops all but ssh", atBoot: nftInput('site', 'counter') },
  'iptables-drop': {
    why: 'hand-made iptables rules with policy DROP',
    atBoot: `for i in iptables ip6tables; do
$i -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; $i -A INPUT -i lo -j ACCEPT
$i -A INPUT -p tcp --dport 22 -j ACCEPT; $i -P INPUT DROP; done`,
  },
  'egress-blocked': {
    why: 'the host reaches nothing: only answers leave it',
    atBoot: `nft -f - <<'NFT'
table inet site_out {
	chain output {
		type filter hook output priority 0; policy drop;
		ct state established,related accept
		oif lo accept
		meta l4proto ipv6-icmp accept
	}
}
NFT`,
  },
  'blocked-6443': {
    why: "a provider's firewall in front of the API server's port",
    atBoot:
      "nft -f - <<'NFT'\ntable inet provider { chain input { type filter hook input priority -200; iif != lo tcp dport 6443 drop; }; }\nNFT",
  },
  'ports-taken': {
    why: 'something listens on 80 and 6443',
    prepare: [
      unit('old-web', '/usr/bin/busybox httpd -f -p 80 -h /srv'),
      unit('old-api', '/usr/bin/busybox nc -ll -p 6443 -e /bin/true'),
    ].join('\n'),
  },
  'snmpd-listening': {
    why: 'the real snmpd answers on all addresses, udp 161',
    prepare: `${apt('snmpd')}; sed -i 's/^agentaddress.*/agentaddress udp:161/' /etc/snmp/snmpd.conf; rm -f /etc/snmp/snmpd.conf.d/*`,
  },
  'avahi-listening': { why: 'the real avahi-daemon answers on udp 5353', prepare: apt('avahi-daemon') },
  'telnet-listening': {
    why: 'an unknown program listens on 0.0.0.0:23 (busybox under its own unit)',
    prepare: unit('telnetd', '/usr/bin/busybox nc -ll -p 23 -e /bin/true'),
  },
  'cidr-overlap': {
    why: "the company's network is 10.42.0.0/16, the default of the pods",
    atBoot: 'ip link add corp0 type bridge; ip address add 10.42.0.1/16 dev corp0; ip link set corp0 up',
  },
  'service-cidr-overlap': { why: 'a route for 10.43.0.0/16, the default of services', atBoot: 'ip route add 10.43.0.0/16 via "$GATEWAY"' },
  'no-ipv6': { why: 'IPv6 is off', atBoot: 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1' },
};

function apt(name: string): string {
  return `apt-get update -qq && apt-get install -qq -y --no-install-recommends ${name} >/dev/null`;
}
