# shellcheck shell=sh
section ufw tagged /etc/ufw/ufw.conf /etc/default/ufw
section ufw_rules grep -h '^### tuple ###' /etc/ufw/user.rules /etc/ufw/user6.rules

# Tables and base chains; rules only of chains hooked to input, 200 each.
probe_nft() {
	nft list ruleset | awk '
		/^table / { print; next }
		/^\tchain / { chain = $0; rules = 0; input = 0; next }
		/^\t\ttype filter hook/ { input = /hook input/; print chain; print; next }
		/^\t\ttype .* hook/ { print chain; print; next }
		/^\t\t/ && input && rules++ < 200 { print }'
}
section nft probe_nft
section iptables iptables -S INPUT
section ip6tables ip6tables -S INPUT

probe_firewalld() {
	# Read from its files: its own command is a Python start.
	pidof -x firewalld >/dev/null || return 1
	zone=$(sed -n 's/^DefaultZone=\(..*\)/\1/p' /etc/firewalld/firewalld.conf)
	echo "zone $zone"
	file=/etc/firewalld/zones/$zone.xml
	[ -f "$file" ] || file=/usr/lib/firewalld/zones/$zone.xml
	grep -oE '<(port|service|source) [^>]*>|target="[^"]*"' "$file"
}
section firewalld probe_firewalld
