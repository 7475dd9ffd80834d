# shellcheck shell=sh
# systemd loads a unit when asked about it, so only those with a file somewhere are asked for.
probe_units() {
	for unit in \
		ssh.service sshd.service ssh.socket sshd.socket \
		rpcbind.socket rpcbind.service rpc-statd.service nfs-server.service nfs-mountd.service \
		cups.socket cups.path cups.service cups-browsed.service avahi-daemon.socket avahi-daemon.service \
		exim4.service postfix.service sendmail.service smbd.service nmbd.service samba-ad-dc.service snmpd.service \
		xinetd.service inetutils-inetd.service openbsd-inetd.service telnet.socket rsh.socket rlogin.socket \
		vsftpd.service proftpd.service pure-ftpd.service tftpd-hpa.service tftp.socket tftp.service \
		named.service bind9.service dnsmasq.service isc-dhcp-server.service cockpit.socket cockpit.service \
		slapd.service gdm.service gdm3.service lightdm.service xdm.service \
		ufw.service firewalld.service nftables.service netfilter-persistent.service iptables.service csf.service shorewall.service ferm.service crowdsec-firewall-bouncer.service \
		kipper-guard.service systemd-timesyncd.service chrony.service chronyd.service ntp.service ntpd.service ntpsec.service openntpd.service \
		systemd-resolved.service unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer dnf-automatic.timer dnf-automatic-install.timer \
		fail2ban.service docker.service containerd.service k3s.service k3s-agent.service rke2-server.service kubelet.service nm-cloud-setup.timer; do
		for folder in /etc /run /usr/lib /lib /usr/local/lib; do
			[ -e "$folder/systemd/system/$unit" ] && set -- "$@" "$unit" && continue 2
		done
		[ -e "/run/systemd/generator.late/$unit" ] && set -- "$@" "$unit"
	done
	[ $# -eq 0 ] || systemctl show --no-pager --property=Id,LoadState,ActiveState,UnitFileState "$@"
}
section units probe_units
