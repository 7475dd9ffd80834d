# shellcheck shell=sh
# `name path` for whatever already runs containers or rules this machine.
probe_present() {
	while read -r name path; do
		[ ! -e "$path" ] || echo "$name $path"
	done <<'LIST'
k3s /usr/local/bin/k3s
k3s /usr/bin/k3s
k3s /opt/bin/k3s
k3s-config /etc/rancher/k3s/config.yaml
k3s-data /var/lib/rancher/k3s/server/db
k3s-agent /etc/systemd/system/k3s-agent.service
k3s-unit /etc/systemd/system/k3s.service
ours /etc/kipper/k3s.json
rke2 /usr/local/bin/rke2
microk8s /snap/bin/microk8s
kubernetes /etc/kubernetes/kubelet.conf
docker /var/run/docker.sock
docker /usr/bin/dockerd
podman /usr/bin/podman
cpanel /usr/local/cpanel
plesk /usr/local/psa
directadmin /usr/local/directadmin
hestia /usr/local/hestia
aapanel /www/server/panel
webmin /etc/webmin
ispconfig /usr/local/ispconfig
coolify /data/coolify
dokploy /etc/dokploy
caprover /captain
proxmox /etc/pve
cloud-init /etc/cloud/cloud.cfg
LIST
}
section present probe_present
