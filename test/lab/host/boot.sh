#!/bin/bash
# First unit of every lab host: what a machine's firmware and installer would have done.
set -a
. /etc/kipper-lab/host.env
set +a

# cgroup v1 controllers are mounted read-only in a container; a plain remount says busy.
for c in /sys/fs/cgroup /sys/fs/cgroup/*; do
	mountpoint -q "$c" && mount -o remount,bind,rw "$c"
done

# Sysctls without a namespace: the host writes its own copies, the machine below never sees it.
for d in kernel vm fs; do
	copy=/run/kipper-lab/sysctl/$d
	[ -d "$copy" ] && continue
	mkdir -p "$copy"
	cp -rx /proc/sys/$d/. "$copy" 2>/dev/null
	rm -rf "$copy/random"
	if [ $d = kernel ]; then
		mkdir -p "$copy/random" /run/kipper-lab/random
		mount --rbind /proc/sys/kernel/random /run/kipper-lab/random
	fi
	mount --bind "$copy" /proc/sys/$d
	[ $d != kernel ] || mount --rbind /run/kipper-lab/random /proc/sys/kernel/random
done
mount --make-rshared /

ip link set lo up
ip link set host0 name eth0 2>/dev/null
ip link set eth0 up
ip address replace "$ADDRESS/24" dev eth0
ip route replace default via "$GATEWAY"
ip -6 address replace "$ADDRESS6/64" dev eth0 nodad
ip -6 route replace default via "$GATEWAY6"

for script in /etc/kipper-lab/at-boot.d/*; do
	[ -f "$script" ] && bash "$script"
done
exit 0
