refusals() {
	[ "$(id -u)" = 0 ] || refuse 10 'this needs root' 'run the line as it was shown, with sudo'
	case $os:$release in
	debian:12 | debian:13 | ubuntu:22.04 | ubuntu:22.10 | ubuntu:23.04 | ubuntu:23.10 | ubuntu:24.04 | ubuntu:24.10 | ubuntu:25.04 | ubuntu:25.10 | ubuntu:26.04) ;;
	*) refuse 11 "${os:-this system} $release is not supported" 'use Debian 12 or 13, or Ubuntu 22.04 to 26.04' ;;
	esac
	case $machine in
	x86_64 | aarch64) ;;
	*) refuse 12 "processor architecture $machine is not supported" 'use amd64 or arm64' ;;
	esac
	# systemd-nspawn is left in: it boots a whole system with an init of its own.
	case $virtual in
	docker | podman | lxc | lxc-libvirt | openvz | wsl | rkt | pouch | proot)
		refuse 14 "this is a $virtual container, which cannot run a cluster node" 'run the line on the machine itself or in a virtual machine'
		;;
	esac
	[ "$init" = systemd ] || refuse 13 'systemd is not running this machine' 'boot it with systemd as process 1'
	refuse_disk
	refuse_parts
}

refuse_disk() {
	frozen=$(awk '$2 ~ /^\/(etc|var|home)?$/ { o[$2] = $4 } END { for (p in o) if (o[p] ~ /(^|,)ro(,|$)/) { print p; exit } }' "${R:-}/proc/mounts" 2>/dev/null) || frozen=
	[ -z "$frozen" ] || refuse 16 "$frozen is mounted read-only" "find out why with: dmesg | grep -i remount; then: mount -o remount,rw $frozen"
	for place in /etc /var/lib /home; do
		free=$(df -Pk "$R$place" 2>/dev/null | awk 'NR == 2 { print $4 }')
		[ "${free:-0}" -ge 8192 ] || refuse 17 "the file system of $place has less than 8 MiB free" "make room; see what is big with: du -xh $place | sort -h | tail"
	done
}

refuse_parts() {
	has visudo || refuse 15 'sudo is missing' 'apt-get install sudo'
	has sshd || refuse 15 'the OpenSSH server is missing' 'apt-get install openssh-server'
	[ "$via" = ssh ] || has curl || refuse 15 'curl is missing' 'apt-get install curl ca-certificates'
	has useradd || refuse 15 'useradd is missing' 'apt-get install passwd'
	case $machine_id in
	'' | *[!0-9a-f]*) refuse 19 'this machine has no machine-id' 'systemd-machine-id-setup' ;;
	esac
	detect_sshd
	[ -n "$keys" ] || refuse 19 'this machine has no SSH host keys' 'ssh-keygen -A && systemctl restart ssh'
	if getent passwd kipper >/dev/null && [ ! -f "$state/account" ]; then
		refuse 18 'a user kipper stands already and is not ours' 'rename or remove that user; Kipper needs the name'
	fi
}
