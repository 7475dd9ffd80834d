# shellcheck shell=sh disable=SC2154
# Action k3s_remove (K_unit): needs k3s.sh.

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
