value_of() {
	sed -n "s/^$1=//p" "$R/etc/os-release" 2>/dev/null | tail -n 1 | tr -d "\"'"
}

detect() {
	os=$(value_of ID)
	release=$(value_of VERSION_ID)
	machine=$(uname -m)
	virtual=$(systemd-detect-virt 2>/dev/null) || virtual=${virtual:-none}
	init=other
	[ ! -d "$R/run/systemd/system" ] || init=systemd
	machine_id=$(cat "$R/etc/machine-id" 2>/dev/null) || machine_id=
	account=${K_owner:-kipper}
	root=${K_owner:-root}
	home=$R/home/kipper
	state=$R/var/lib/kipper
	dropin=$R/etc/ssh/sshd_config.d/00-kipper.conf
	sudoers=$R/etc/sudoers.d/kipper
}

# sshd answers for its configuration only when its runtime folder stands; socket activation removes it.
sshd_config() {
	made=
	[ -d "$R/run/sshd" ] || { mkdir -m 755 "$R/run/sshd" 2>/dev/null && made=1; }
	sshd -T "$@" 2>/dev/null </dev/null || true
	[ -z "$made" ] || rmdir "$R/run/sshd"
}

detect_sshd() {
	settings=$(sshd_config)
	ports=$({
		[ -z "${SSH_CONNECTION-}" ] || echo "${SSH_CONNECTION##* }"
		# A socket unit that is not at work names its port all the same.
		! systemctl is-active --quiet ssh.socket || systemctl show ssh.socket -p Listen 2>/dev/null | sed -n 's/.*:\([0-9]*\) (Stream).*/\1/p'
		printf '%s\n' "$settings" | sed -n 's/^port //p'
	} | grep -x '[0-9]\{1,5\}' | awk '!seen[$0]++' | head -n 8)
	[ -n "$ports" ] || ports=22
	keys=$(printf '%s\n' "$settings" | sed -n 's/^hostkey //p' | while read -r key; do
		cut -d ' ' -f 1,2 "$R$key.pub" 2>/dev/null || true
	done)
	[ -n "$keys" ] || keys=$(cut -d ' ' -f 1,2 "$R"/etc/ssh/ssh_host_*_key.pub 2>/dev/null) || keys=
}

facts() {
	memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	disk=$(df -Pk "$R/var" | awk 'NR == 2 { print $4 }')
	printf '{"hostname":%s,"os":%s,"release":%s,"arch":%s,' "$(json "$(uname -n)")" "$(json "$os")" "$(json "$release")" "$(json "$machine")"
	printf '"kernel":%s,"virtualization":%s,' "$(json "$(uname -r)")" "$(json "$virtual")"
	printf '"memoryKb":%s,"diskFreeKb":%s,"cpus":%s,"clockSeconds":%s,' "${memory:-0}" "${disk:-0}" "$(getconf _NPROCESSORS_ONLN)" "$(date +%s)"
	printf '"addresses":%s,' "$(ip -o addr show scope global 2>/dev/null | awk '{ print $4 }' | json_list 32)"
	printf '"notes":%s}' "$(printf '%s\n' "$notes" | json_list 16)"
}

# Everything of the claim but the token.
claim() {
	printf '"machineId":%s,"bootId":%s,' "$(json "$machine_id")" "$(json "$(cat /proc/sys/kernel/random/boot_id)")"
	printf '"sshPorts":[%s],"hostKeys":%s,"facts":%s' "$(printf '%s\n' "$ports" | paste -s -d , -)" "$(printf '%s\n' "$keys" | json_list 16)" "$(facts)"
}
