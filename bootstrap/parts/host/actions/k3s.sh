# shellcheck shell=sh
# Actions k3s_start (K_unit K_waitSeconds), k3s_prove (K_canary), k3s_remove (K_unit). Nothing here asks the network.

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

# The proof is the check: where it succeeds nothing was changed.
k3s_prove_check() {
	k3s_prove_apply
}

k3s_prove_apply() {
	case ${K_canary:-} in
	'' | *[!a-z0-9-]* | -* | *-) fail 64 "the canary has no usable name" ;;
	esac
	k3s_prove_node && k3s_prove_status && k3s_prove_canary
}

k3s_prove_node() {
	if "$k3s_binary" kubectl get --raw /api/v1/nodes | tr -d ' \n' | grep -q '"type":"Ready","status":"True"'; then return 0; fi
	say "no node of the cluster is Ready"
	return 1
}

k3s_prove_status() {
	status=$("$k3s_binary" secrets-encrypt status -o json) || return
	if printf '%s' "$status" | tr -d ' \t\n' | grep -qi '"enable":true'; then return 0; fi
	say "k3s does not encrypt Secrets: $status"
	return 1
}

# The ConfigMap shows that the search finds what is stored in the clear; the Secret must not be found the same way.
k3s_prove_canary() {
	hidden=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	open=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	[ "${#hidden}" -eq 48 ] && [ "${#open}" -eq 48 ] || return 1
	trap 'k3s_canary_gone' EXIT
	k3s_canary_gone
	k3s_canary_make Secret stringData "$hidden" && k3s_canary_make ConfigMap data "$open" || return
	sleep 1
	if ! k3s_stored "$open"; then
		say "a value stored in the clear was not found below $k3s_data/server/db, so the search proves nothing"
		return 1
	fi
	if k3s_stored "$hidden"; then
		say "a Secret can be read in the files below $k3s_data/server/db"
		return 1
	fi
	printf 'Secrets are encrypted: a canary Secret is not readable below %s/server/db, a ConfigMap is\n' "$k3s_data"
}

k3s_canary_make() {
	printf '{"apiVersion":"v1","kind":"%s","metadata":{"name":"%s","namespace":"default"},"%s":{"value":"%s"}}\n' "$1" "$K_canary" "$2" "$3" |
		"$k3s_binary" kubectl create -f - >/dev/null
}

k3s_canary_gone() {
	"$k3s_binary" kubectl delete --ignore-not-found -n default "secret/$K_canary" "configmap/$K_canary" >/dev/null 2>&1
}

k3s_stored() {
	printf '%s\n' "$1" | grep -r -a -q -F -f - "$k3s_data/server/db"
}

k3s_prove_verify() {
	:
}

k3s_remove_check() {
	k3s_refuse
	[ "$(unit_active "$K_unit")" != active ] && [ ! -d "$k3s_data" ] && [ -z "$(k3s_shims)" ]
}

k3s_remove_apply() {
	systemctl stop "$K_unit" 2>/dev/null
	systemctl disable "$K_unit" 2>/dev/null
	k3s_kill_pods || return
	k3s_unmount || return
	k3s_interfaces
	PATH=$PATH:$k3s_data/data/current/bin/aux
	k3s_chains iptables
	k3s_chains ip6tables
	rm -rf "$k3s_data" /run/k3s /run/flannel /var/lib/cni /etc/rancher/node || return
	if [ -d /var/lib/kubelet ]; then find /var/lib/kubelet -mindepth 1 -delete || return; fi
	find /var/log/pods /var/log/containers -mindepth 1 -delete 2>/dev/null
	rm -f /etc/rancher/k3s/k3s.yaml /etc/cni/net.d/10-k3s.conflist
	for folder in /var/lib/rancher /var/lib/kubelet /var/log/pods /var/log/containers /etc/rancher/k3s /etc/rancher; do
		rmdir "$folder" 2>/dev/null
	done
	systemctl reset-failed "$K_unit" 2>/dev/null
	return 0
}

k3s_remove_verify() {
	k3s_remove_check
}

# The shims of Kubernetes pods: docker's stand in another namespace and are not ours.
k3s_shims() {
	for process in /proc/[0-9]*; do
		line=$(tr '\000' ' ' 2>/dev/null <"$process/cmdline") || continue
		case $line in
		*containerd-shim*' -namespace k8s.io '*) printf '%s\n' "${process#/proc/}" ;;
		esac
	done
}

# k3s_family PID...: these processes and all that descend from them.
k3s_family() {
	family=" $* "
	grown=1
	while [ "$grown" = 1 ]; do
		grown=0
		for process in /proc/[0-9]*; do
			pid=${process#/proc/}
			proc_read "$pid" || continue
			case $family in
			*" $pid "*) ;;
			*" $proc_parent "*)
				family="$family$pid "
				grown=1
				;;
			esac
		done
	done
	printf '%s\n' "$family"
}

k3s_kill_pods() {
	for round in 1 2 3 4 5; do
		shims=$(k3s_shims)
		[ -n "$shims" ] || return 0
		# shellcheck disable=SC2046,SC2086
		kill -9 $(k3s_family $shims) 2>/dev/null
		sleep "$round"
	done
	[ -z "$(k3s_shims)" ] || {
		say "processes of pods do not end: $(k3s_shims | tr '\n' ' ')"
		return 1
	}
}

k3s_mounts() {
	awk '{ print $2 }' /proc/self/mounts | grep -E "^(/run/k3s|$k3s_data|/var/lib/kubelet)/|^/run/netns/cni-" | sort -r
}

# What is still mounted is never removed: a volume of somebody may hang below it.
k3s_unmount() {
	for round in 1 2 3; do
		k3s_mounts | while IFS= read -r point; do
			umount "$(printf '%b' "$point")" 2>/dev/null || [ "$round" = 1 ] || umount -l "$(printf '%b' "$point")" 2>/dev/null
		done
		[ -n "$(k3s_mounts)" ] || break
		sleep 1
	done
	if [ -n "$(k3s_mounts)" ]; then
		say "these stay mounted, so nothing below them was removed: $(k3s_mounts | tr '\n' ' ')"
		return 1
	fi
	rm -f /run/netns/cni-*
}

k3s_interfaces() {
	ip -o link show master cni0 2>/dev/null | awk -F': ' '{ sub(/@.*/, "", $2); print $2 }' | while IFS= read -r link; do
		ip link delete "$link" 2>/dev/null
	done
	for link in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
		ip link delete "$link" 2>/dev/null
	done
	return 0
}

# Only our chains and the rules that name them go; every other rule is put back as it was.
k3s_chains() {
	command -v "$1-save" >/dev/null && command -v "$1-restore" >/dev/null || return 0
	rules=$("$1-save" 2>/dev/null) || return 0
	printf '%s\n' "$rules" | grep -Eq 'KUBE-|CNI-|FLANNEL-' || return 0
	printf '%s\n' "$rules" | grep -Ev 'KUBE-|CNI-|FLANNEL-|flanneld' | "$1-restore"
}

# For the worker's own client, which holds it in memory for the length of a run.
kubeconfig_read() {
	cat /etc/rancher/k3s/k3s.yaml
}
