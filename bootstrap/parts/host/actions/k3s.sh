# shellcheck shell=sh
# Action k3s_start (K_unit K_waitSeconds), and what k3s_prove and k3s_remove share with it. Nothing here asks the network.

k3s_binary=${KIPPER_K3S:-/usr/local/bin/k3s}
k3s_data=${KIPPER_K3S_DATA:-/var/lib/rancher/k3s}
k3s_settings='net.ipv4.ip_forward net.ipv4.conf.all.forwarding net.ipv4.conf.all.route_localnet net.ipv6.conf.all.forwarding
net.ipv6.conf.default.forwarding net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables net.netfilter.nf_conntrack_max
net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_tcp_timeout_close_wait'

k3s_refuse() {
	case ${K_unit:-} in
	k3s.service | k3s-agent.service) ;;
	*) fail 64 "${K_unit:-nothing} is no unit of k3s" ;;
	esac
}

k3s_property() {
	systemctl show -p "$1" --value "$K_unit" 2>/dev/null
}

k3s_answers() {
	[ "$(timeout 10 "$k3s_binary" kubectl get --raw /readyz 2>/dev/null)" = ok ]
}

# A file that is newer than the running process is not in force yet.
k3s_stale() {
	started=$(date -d "$(k3s_property ExecMainStartTimestamp)" +%s 2>/dev/null) || return 1
	for watched in "$k3s_binary" /etc/rancher/k3s/config.yaml "$k3s_data/server/psa.yaml" "$k3s_data/server/audit.yaml" \
		"$k3s_data/agent/etc/kubelet.conf.d/90-kipper.conf" "/etc/systemd/system/$K_unit"; do
		[ ! -f "$watched" ] || [ "$(stat -c %Y "$watched")" -le "$started" ] || return 0
	done
	return 1
}

k3s_start_present() {
	printf '%s is enabled\n' "$K_unit"
}

# After a reboot k3s is on its way up by itself: waiting for it changes nothing.
k3s_start_check() {
	k3s_refuse
	[ "$(unit_enabled "$K_unit")" = enabled ] || return 1
	case $(unit_active "$K_unit") in
	active | activating) ! k3s_stale && k3s_wait ;;
	*) return 1 ;;
	esac
}

k3s_start_save() {
	k3s_refuse
	unit_links >"$before/links" || fail 77 "cannot write to $before; is the disk full?"
	if command -v nft >/dev/null; then nft list tables >"$before/tables" 2>/dev/null; fi
	for key in $k3s_settings; do
		value=$(cat "/proc/sys/$(k3s_setting_path "$key")" 2>/dev/null) && printf '%s %s\n' "$key" "$value"
	done >"$before/settings"
}

k3s_setting_path() {
	printf '%s' "$1" | tr . /
}

k3s_start_apply() {
	systemctl daemon-reload || return
	[ "$(unit_enabled "$K_unit")" = enabled ] || systemctl enable "$K_unit" || return
	if [ "$(unit_active "$K_unit")" = active ] && ! k3s_stale; then
		:
	else
		systemctl reset-failed "$K_unit" 2>/dev/null
		systemctl restart --no-block "$K_unit" || return
	fi
	k3s_wait
}

k3s_wait() {
	waited=0
	while [ "$waited" -lt "${K_waitSeconds:-300}" ]; do
		if [ "$(unit_active "$K_unit")" = active ] && k3s_answers; then return 0; fi
		restarts=$(k3s_property NRestarts)
		if [ "${restarts:-0}" -ge 5 ] || [ "$(unit_active "$K_unit")" = failed ]; then
			say "$K_unit does not stay up"
			k3s_why
			return 1
		fi
		sleep 2
		waited=$((waited + 2))
	done
	say "the API of k3s does not answer after $waited s"
	k3s_why
	return 1
}

k3s_why() {
	journalctl --no-pager --output=cat --lines=40 -u "$K_unit" >&2 2>/dev/null
}

k3s_start_verify() {
	k3s_refuse
	[ "$(unit_enabled "$K_unit")" = enabled ] && [ "$(unit_active "$K_unit")" = active ] && k3s_answers
}

# A standing cluster is not taken away by an undo: that is what kip cluster remove asks a name for.
k3s_start_undo() {
	if [ -f "$entry/left" ] && [ -d "$k3s_data/server/db" ] && [ "$(unit_active "$K_unit")" = active ]; then
		say "a cluster stands on this server; take it away first with kip cluster remove"
		return 1
	fi
	systemctl stop "$K_unit" 2>/dev/null
	k3s_kill_pods
	systemctl disable "$K_unit" 2>/dev/null
	systemctl reset-failed "$K_unit" 2>/dev/null
	while read -r key value; do
		[ ! -e "/proc/sys/$(k3s_setting_path "$key")" ] || printf '%s\n' "$value" >"/proc/sys/$(k3s_setting_path "$key")"
	done <"$before/settings" 2>/dev/null
	k3s_tables_away
	systemctl daemon-reload
}

# The rules of kube-proxy are gone by now; the empty tables that they brought go too.
k3s_tables_away() {
	[ -f "$before/tables" ] || return 0
	for family in ip ip6; do
		for table in raw mangle nat filter; do
			grep -Fqx "table $family $table" "$before/tables" && continue
			nft list table "$family" "$table" 2>/dev/null |
				grep -Eqv '^table |^[[:space:]]*chain |^[[:space:]]*type [a-z]+ hook .* policy accept;|^[[:space:]]*[}]?[[:space:]]*$' && continue
			nft delete table "$family" "$table" 2>/dev/null
		done
	done
	return 0
}

# For the worker's own client, which holds it in memory for the length of a run.
kubeconfig_read() {
	cat /etc/rancher/k3s/k3s.yaml
}
