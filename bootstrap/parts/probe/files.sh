# shellcheck shell=sh
section modes stat -c '%a %U %G %F %n' /etc/passwd /etc/passwd- /etc/group /etc/group- /etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- \
	/etc/ssh/sshd_config /etc/ssh/ssh_host_*_key /etc/sudoers /etc/sudoers.d /etc/crontab /root /root/.ssh /root/.ssh/authorized_keys

# The files that are ours, and their neighbours that decide the same.
section own_files tagged /etc/kipper/guard.nft /etc/kipper/firewall.json /etc/kipper/k3s.json /etc/systemd/system/kipper-guard.service \
	/etc/ssh/sshd_config.d/00-kipper.conf /etc/sysctl.d/90-kubelet.conf /etc/sysctl.d/80-kipper.conf \
	/etc/apt/apt.conf.d/20auto-upgrades /etc/apt/apt.conf.d/52kipper /etc/systemd/resolved.conf.d/kipper.conf
