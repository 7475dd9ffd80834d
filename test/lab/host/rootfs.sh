#!/bin/sh
# rootfs.sh lean SUITE OUT [MIRROR]  Debian root file system in OUT/lean, and in OUT/debs the packages a host installs later
# rootfs.sh full OUT                 OUT/full: overlay layer on OUT/lean with those packages that most servers already have
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin

base=systemd,systemd-sysv,systemd-timesyncd,dbus,openssh-server,sudo,python3,curl,ca-certificates,less,login,passwd
base=$base,iptables,nftables,iproute2,iputils-ping,ethtool,conntrack,ipset,socat,kmod,procps,zstd,busybox-static
base=$base,containerd,runc,containernetworking-plugins
usual="ufw firewalld unattended-upgrades rpcbind nfs-common"
extra="snmpd avahi-daemon"

lean() {
	# Only what the suite's main archive has: its index does not expire, so an old checkout still builds.
	mmdebstrap --quiet --mode=root --variant=minbase --include="$base" \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook='mkdir -p "$1/debs/partial"' \
		--customize-hook="chroot \"\$1\" apt-get -qq -y --download-only -o Dir::Cache::archives=/debs install $usual $extra" \
		--customize-hook="mv \"\$1/debs\" '$2/debs'" \
		--customize-hook='rm -f "$1"/etc/ssh/ssh_host_*; : >"$1/etc/machine-id"; rm -f "$1/etc/hostname"' \
		"$1" "$2/lean" ${3:+"$3"}
	rm -rf "$2/debs/partial" "$2/debs/lock"
}

full() {
	mkdir -p "$1/full" "$1/work" "$1/merged"
	mount -t overlay kipper-lab -o "lowerdir=$1/lean,upperdir=$1/full,workdir=$1/work" "$1/merged"
	trap 'umount -R "$1/merged"' EXIT
	mkdir "$1/merged/debs"
	mount --bind "$1/debs" "$1/merged/debs"
	mount -t proc proc "$1/merged/proc"
	printf '#!/bin/sh\nexit 101\n' >"$1/merged/usr/sbin/policy-rc.d"
	chmod 755 "$1/merged/usr/sbin/policy-rc.d"
	only="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=/tmp"
	# shellcheck disable=SC2086
	(cd "$1/debs" && find . -name '*.deb' | grep -Ev "/($(echo $extra | tr ' ' '|'))_" | sed 's|^\.|/debs|') |
		xargs chroot "$1/merged" apt-get -qq -y $only install >"$1/full.log" 2>&1 || {
		tail -20 "$1/full.log" >&2
		exit 1
	}
	chroot "$1/merged" systemctl disable -q firewalld.service
	umount "$1/merged/debs"
	rm -rf "$1/merged/debs" "$1/merged/usr/sbin/policy-rc.d"
	umount -R "$1/merged"
	trap - EXIT
	rm -rf "$1/work" "$1/merged" "$1/full.log"
}

mode=$1
shift
"$mode" "$@"
