# shellcheck shell=sh
# One reading of dpkg's own list: what is installed of what we know, and whatever is half done.
probe_packages() {
	awk '
		$1 == "Package:" { name = $2 }
		$1 == "Status:" {
			if ($4 != "installed" && $4 != "config-files" && $4 != "not-installed") print name, $4
			else if (name ~ /^(ufw|nftables|iptables|firewalld|rpcbind|nfs-common|nfs-kernel-server|unattended-upgrades|systemd-timesyncd|chrony|ntp|ntpsec|openntpd|openssh-server|fail2ban|open-iscsi|cloud-init|sudo|snmpd|avahi-daemon|cups|exim4|postfix)$/) print name, $4
		}' /var/lib/dpkg/status
}
section packages probe_packages

# Whether a program holds a lock of dpkg or apt at this moment.
probe_dpkg_lock() {
	for file in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock; do
		inode=$(stat -c %i "$file") && grep -q ":$inode " /proc/locks && echo "$file"
	done
	return 0
}
section dpkg_lock probe_dpkg_lock

probe_managers() {
	for name in apt-get dnf yum zypper apk; do
		! command -v "$name" >/dev/null || echo "$name"
	done
}
section package_managers probe_managers
