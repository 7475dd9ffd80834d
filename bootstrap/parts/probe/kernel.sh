# shellcheck shell=sh disable=SC2016
probe_sysctls() {
	for key in vm.panic_on_oom vm.overcommit_memory kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes \
		kernel.kptr_restrict kernel.dmesg_restrict kernel.unprivileged_bpf_disabled kernel.yama.ptrace_scope \
		fs.protected_hardlinks fs.protected_symlinks fs.protected_fifos fs.protected_regular fs.suid_dumpable \
		net.ipv4.tcp_syncookies net.ipv4.icmp_echo_ignore_broadcasts net.ipv4.ip_forward net.ipv6.conf.all.forwarding \
		net.ipv4.conf.all.accept_redirects net.ipv4.conf.default.accept_redirects net.ipv6.conf.all.accept_redirects net.ipv6.conf.default.accept_redirects \
		net.ipv4.conf.all.send_redirects net.ipv4.conf.default.send_redirects \
		net.ipv4.conf.all.accept_source_route net.ipv4.conf.default.accept_source_route net.ipv6.conf.all.accept_source_route \
		net.ipv6.conf.all.disable_ipv6; do
		path=$key
		rest=
		while [ "$path" != "$rest" ]; do
			rest=$path
			path=${rest%%.*}/${rest#*.}
			case $rest in *.*) ;; *) path=$rest ;; esac
		done
		pair "$key" "/proc/sys/$path"
	done
}
section sysctls probe_sysctls
section sysctl_files tagged /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf

# A kernel without modules has what it has: then only /sys/module and /proc tell.
probe_modules() {
	for module in overlay br_netfilter nf_conntrack vxlan nf_tables ip_tables iptable_nat xt_comment; do
		if [ -d "/sys/module/$module" ]; then
			echo "$module loaded"
		else
			set -- "$@" "$module"
		fi
	done
	[ $# -eq 0 ] && return 0
	modules=$(cat "/lib/modules/$(uname -r)/modules.dep" "/lib/modules/$(uname -r)/modules.builtin") || modules=
	for module in "$@"; do
		case $modules in
		*"/$module.ko"*) echo "$module available" ;;
		*) echo "$module missing" ;;
		esac
	done
}
section modules probe_modules
section filesystems awk '{ printf "%s ", $NF } END { print "" }' /proc/filesystems
