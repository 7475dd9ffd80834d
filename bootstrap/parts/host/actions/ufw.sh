# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action ufw: K_tcp (ports, separated by commas), K_from (networks, separated by blanks or commas), K_forward accept|keep.
# Default is deny. Every call of ufw starts a Python, so there are few; the check reads files only.

ufw_refuse() {
	case $K_tcp in
	'' | *[!0-9,:]*) fail 64 "$K_tcp is no list of ports" ;;
	esac
	case ${K_from:-} in
	*[!0-9a-fA-F.:/,\ ]*) fail 64 "$K_from is no list of networks" ;;
	esac
	command -v ufw >/dev/null || fail 69 "ufw is missing; install the package ufw"
}

ufw_networks() {
	printf '%s' "${K_from:-}" | tr ',' ' '
}

ufw_enabled() {
	grep -Eqi '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null
}

# A reboot whose ufw did not load leaves files that claim more than the kernel knows.
ufw_loaded() {
	iptables -n -L ufw-user-input >/dev/null 2>&1
}

# Every wanted port stands in an allow rule for everybody. A tuple: allow tcp 22,80 0.0.0.0/0 any 0.0.0.0/0 in
ufw_ports_open() {
	awk -v wanted="$K_tcp" -v all="$2" '
		$1 == "###" && $2 == "tuple" && $4 == "allow" && ($5 == "tcp" || $5 == "any") && $7 == all && $8 == "any" && $9 == all && $10 ~ /^in/ {
			count = split($6, ports, ",")
			for (i = 1; i <= count; i++) open[ports[i]] = 1
		}
		END {
			count = split(wanted, ports, ",")
			for (i = 1; i <= count; i++) if (!(ports[i] in open)) exit 1
		}' "$1"
}

ufw_network_open() {
	case $1 in
	*:*) rules=/etc/ufw/user6.rules ;;
	*) rules=/etc/ufw/user.rules ;;
	esac
	awk -v from="$1" '$1 == "###" && $2 == "tuple" && $4 == "allow" && $5 == "any" && $6 == "any" && $9 == from && $10 ~ /^in/ { found = 1 } END { exit !found }' "$rules"
}

ufw_check() {
	ufw_refuse
	ufw_enabled && ufw_loaded || return 1
	grep -q '^DEFAULT_INPUT_POLICY="DROP"' /etc/default/ufw || return 1
	[ "${K_forward:-keep}" != accept ] || grep -q '^DEFAULT_FORWARD_POLICY="ACCEPT"' /etc/default/ufw || return 1
	ufw_ports_open /etc/ufw/user.rules 0.0.0.0/0 || return 1
	if grep -q '^IPV6=yes' /etc/default/ufw; then ufw_ports_open /etc/ufw/user6.rules ::/0 || return 1; fi
	for network in $(ufw_networks); do
		ufw_network_open "$network" || return 1
	done
}

ufw_present() {
	grep -E '^DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY=|^IPV6=' /etc/default/ufw
	grep -E '^ENABLED=' /etc/ufw/ufw.conf
	grep -h '^### tuple' /etc/ufw/user.rules /etc/ufw/user6.rules
	return 0
}

# ufw sets the kernel values of its own list when it is enabled: those that are there now are kept.
ufw_sysctls() {
	sed -n 's|^\([a-z][A-Za-z0-9_./-]*\)=.*|\1|p' /etc/ufw/sysctl.conf 2>/dev/null | tr . / | sort -u | while IFS= read -r key; do
		case $key in
		*..*) continue ;;
		esac
		[ ! -f "/proc/sys/$key" ] || printf '%s\t%s\n' "$key" "$(cat "/proc/sys/$key")"
	done
}

ufw_save() {
	ufw_refuse
	tar -C / -cpf "$before/ufw.tar" etc/ufw etc/default/ufw || fail 77 "cannot keep a copy of /etc/ufw; is the disk full?"
	ufw_sysctls >"$before/sysctls" || fail 77 "cannot write to $before; is the disk full?"
	if ufw_enabled; then : >"$before/enabled"; fi
	if command -v nft >/dev/null; then nft list tables >"$before/tables" 2>/dev/null; fi
	return 0
}

ufw_set_policy() {
	sed -e 's/^DEFAULT_INPUT_POLICY=.*/DEFAULT_INPUT_POLICY="DROP"/' /etc/default/ufw |
		if [ "${K_forward:-keep}" = accept ]; then sed -e 's/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY="ACCEPT"/'; else cat; fi |
		place /etc/default/ufw && chmod 0644 /etc/default/ufw
}

ufw_apply() {
	ufw_set_policy || fail 72 "cannot write /etc/default/ufw; is the disk full?"
	ufw_ports_open /etc/ufw/user.rules 0.0.0.0/0 && ufw_ports_open /etc/ufw/user6.rules ::/0 ||
		ufw allow proto tcp to any port "$K_tcp" comment kipper || return
	for network in $(ufw_networks); do
		ufw_network_open "$network" || ufw allow from "$network" comment kipper || return
	done
	if ufw_enabled && ufw_loaded; then ufw reload; else ufw --force enable; fi
}

ufw_verify() {
	ufw_check
}

ufw_files_back() {
	fresh=$(mktemp -d /etc/.kipper-XXXXXX) || return
	tar -C "$fresh" -xpf "$before/ufw.tar" || return
	mv -f "$fresh/etc/default/ufw" /etc/default/ufw &&
		mv /etc/ufw "$fresh/left" && mv "$fresh/etc/ufw" /etc/ufw && rm -rf "$fresh"
}

ufw_undo() {
	[ -d /etc/ufw ] || return 0
	if [ -z "${KIPPER_BOOT:-}" ] && [ ! -f "$before/enabled" ] && ufw_loaded; then
		ufw --force disable || return
		ufw_chains_away
	fi
	ufw_files_back || return
	[ -n "${KIPPER_BOOT:-}" ] || [ ! -f "$before/enabled" ] || ufw reload || return
	while IFS=$tab read -r key value; do
		[ ! -f "/proc/sys/$key" ] || [ "$(cat "/proc/sys/$key")" = "$value" ] || printf '%s\n' "$value" >"/proc/sys/$key"
	done <"$before/sysctls"
}

# disable leaves ufw's empty chains and the tables that they brought.
ufw_chains_away() {
	for tool in iptables ip6tables; do
		chains=$($tool -S 2>/dev/null | sed -n 's/^-N \(ufw6\{0,1\}-.*\)/\1/p')
		$tool -S 2>/dev/null | sed -n 's/^-A \(INPUT\|OUTPUT\|FORWARD\) -j \(ufw6\{0,1\}-[a-z-]*\)$/\1 \2/p' | while read -r from to; do
			$tool -D "$from" -j "$to"
		done
		for chain in $chains; do $tool -F "$chain"; done
		for chain in $chains; do $tool -X "$chain"; done
	done 2>/dev/null
	[ -f "$before/tables" ] || return 0
	for family in ip ip6; do
		grep -Fqx "table $family filter" "$before/tables" && continue
		nft list table "$family" filter 2>/dev/null | grep -Eqv '^table|chain|type filter hook .* policy accept;|^[[:space:]]*[}]|^[[:space:]]*$' && continue
		nft delete table "$family" filter 2>/dev/null
	done
	return 0
}
