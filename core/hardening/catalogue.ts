/** What is known of a service that may listen on a server. */
export interface KnownService {
  id: string;
  name: string;
  /** Program names as `ss` shows them, 15 characters at most. */
  processes: readonly string[];
  ports: readonly string[];
  /** In the order they are stopped: a socket would start its service again. */
  units: readonly string[];
  packages: readonly string[];
  /** automatic: stopped and masked; report: the owner's to decide; never: it belongs here. */
  verdict: 'automatic' | 'report' | 'never';
  /** Masked as soon as it is installed, listening or not. */
  evenStopped?: boolean;
  severity: 'critical' | 'high' | 'medium' | 'low';
  standard?: string;
}

type Row = readonly [
  id: string,
  name: string,
  processes: string,
  ports: string,
  units: string,
  packages: string,
  severity: KnownService['severity'],
  standard?: string,
];

const words = (text: string) => text.split(' ').filter(Boolean);

function rows(verdict: KnownService['verdict'], table: readonly Row[]): KnownService[] {
  return table.map(([id, name, processes, ports, units, packages, severity, standard]) => ({
    ...{ id, name, processes: words(processes), ports: words(ports), units: words(units), packages: words(packages), verdict, severity },
    ...(id === 'rpcbind' ? { evenStopped: true } : {}),
    ...(standard === undefined ? {} : { standard: `CIS Debian 12 ${standard}` }),
  }));
}

const surplus = rows('automatic', [
  ['rpcbind', 'the RPC portmapper', 'rpcbind', 'tcp/111 udp/111', 'rpcbind.socket rpcbind.service', 'rpcbind', 'high', '2.1.12'],
  ['rpc-statd', 'the NFS lock monitor', 'rpc.statd', '', 'rpc-statd.service', 'nfs-common', 'medium', '2.1.9'],
  [
    'nfs-server',
    'the NFS server',
    'rpc.mountd rpc.nfsd nfsdcld',
    'tcp/2049 udp/2049 tcp/20048 udp/20048',
    'nfs-server.service nfs-mountd.service',
    'nfs-kernel-server',
    'high',
    '2.1.9',
  ],
  [
    'cups',
    'the print server',
    'cupsd cups-browsed',
    'tcp/631 udp/631',
    'cups.socket cups.path cups.service cups-browsed.service',
    'cups cups-daemon cups-browsed',
    'high',
    '2.1.11',
  ],
  [
    'avahi',
    'mDNS announcements',
    'avahi-daemon',
    'udp/5353',
    'avahi-daemon.socket avahi-daemon.service',
    'avahi-daemon',
    'medium',
    '2.1.2',
  ],
  [
    'mail',
    'a mail server',
    'exim4 master smtpd sendmail sendmail-mta',
    'tcp/25 tcp/465 tcp/587',
    'exim4.service postfix.service sendmail.service',
    'exim4 postfix sendmail',
    'medium',
    '2.1.21',
  ],
  [
    'samba',
    'Windows file sharing',
    'smbd nmbd samba',
    'tcp/139 tcp/445 udp/137 udp/138',
    'smbd.service nmbd.service samba-ad-dc.service',
    'samba',
    'high',
    '2.1.14',
  ],
  ['snmp', 'the SNMP agent', 'snmpd', 'udp/161 tcp/161', 'snmpd.service', 'snmpd', 'high', '2.1.15'],
  [
    'inetd',
    'a super-server',
    'xinetd inetd inetutils-inetd',
    '',
    'xinetd.service inetutils-inetd.service openbsd-inetd.service',
    'xinetd inetutils-inetd openbsd-inetd',
    'high',
    '2.1.19',
  ],
  [
    'telnet',
    'telnet and the r-commands',
    'telnetd in.telnetd in.rshd in.rlogind',
    'tcp/23 tcp/512 tcp/513 tcp/514',
    'telnet.socket rsh.socket rlogin.socket',
    'telnetd rsh-server',
    'critical',
    '2.1.22',
  ],
  [
    'ftp',
    'an FTP server',
    'vsftpd proftpd pure-ftpd',
    'tcp/21',
    'vsftpd.service proftpd.service pure-ftpd.service',
    'vsftpd proftpd-basic pure-ftpd',
    'high',
    '2.1.6',
  ],
  ['tftp', 'a TFTP server', 'in.tftpd tftpd', 'udp/69', 'tftp.socket tftp.service tftpd-hpa.service', 'tftpd-hpa', 'high', '2.1.16'],
  [
    'dns',
    'a DNS server',
    'named dnsmasq',
    'tcp/53 udp/53',
    'named.service bind9.service dnsmasq.service',
    'bind9 dnsmasq',
    'high',
    '2.1.4',
  ],
  ['dhcp-server', 'a DHCP server', 'dhcpd', 'udp/67', 'isc-dhcp-server.service', 'isc-dhcp-server', 'high', '2.1.3'],
  ['cockpit', 'the Cockpit console', 'cockpit-tls cockpit-ws', 'tcp/9090', 'cockpit.socket cockpit.service', 'cockpit', 'medium', '2.1.22'],
  ['ldap', 'an LDAP server', 'slapd', 'tcp/389 tcp/636', 'slapd.service', 'slapd', 'high', '2.1.7'],
  [
    'x11',
    'a graphical desktop',
    'Xorg X gdm gdm3 lightdm xdm',
    'tcp/6000',
    'gdm.service gdm3.service lightdm.service xdm.service',
    'xserver-xorg gdm3 lightdm',
    'medium',
    '2.1.20',
  ],
]);

const owners = rows('report', [
  ['docker-api', 'the Docker API', 'dockerd', 'tcp/2375 tcp/2376', 'docker.service docker.socket', 'docker.io docker-ce', 'critical'],
  [
    'mysql',
    'MySQL or MariaDB',
    'mysqld mariadbd',
    'tcp/3306 tcp/33060',
    'mysql.service mariadb.service',
    'mysql-server mariadb-server',
    'high',
  ],
  ['postgresql', 'PostgreSQL', 'postgres', 'tcp/5432', 'postgresql.service', 'postgresql', 'high'],
  ['redis', 'Redis', 'redis-server valkey-server', 'tcp/6379', 'redis-server.service', 'redis-server', 'critical'],
  ['mongodb', 'MongoDB', 'mongod', 'tcp/27017', 'mongod.service', 'mongodb-org', 'critical'],
  ['memcached', 'Memcached', 'memcached', 'tcp/11211 udp/11211', 'memcached.service', 'memcached', 'critical'],
  ['elasticsearch', 'Elasticsearch', '', 'tcp/9200 tcp/9300', 'elasticsearch.service opensearch.service', 'elasticsearch', 'critical'],
  [
    'web',
    'a web server',
    'apache2 httpd nginx caddy lighttpd haproxy',
    'tcp/80 tcp/443 tcp/8080 tcp/8443',
    'apache2.service nginx.service caddy.service',
    'apache2 nginx caddy',
    'medium',
    '2.1.18',
  ],
  ['rsync', 'an rsync server', 'rsync', 'tcp/873', 'rsync.service', 'rsync', 'high', '2.1.13'],
]);

const belongs = rows('never', [
  ['ssh', 'OpenSSH', 'sshd sshd-session', '', 'ssh.service sshd.service ssh.socket sshd.socket', 'openssh-server', 'low'],
  [
    'dhcp-client',
    'the DHCP client',
    'dhclient dhcpcd systemd-network NetworkManager udhcpc',
    '',
    'systemd-networkd.service NetworkManager.service networking.service',
    '',
    'low',
  ],
  [
    'time',
    'time synchronisation',
    'chronyd ntpd systemd-timesyn openntpd ntpsec',
    '',
    'chrony.service chronyd.service ntp.service ntpsec.service systemd-timesyncd.service',
    '',
    'low',
  ],
  ['resolved', 'the local resolver', 'systemd-resolve', '', 'systemd-resolved.service', '', 'low'],
  [
    'cloud',
    "the provider's agent",
    'qemu-ga python3-waagent waagent amazon-ssm-agen ssm-agent-worke google_guest_ag google_osconfig hv_kvp_daemon cloud-init vmtoolsd',
    '',
    'qemu-guest-agent.service walinuxagent.service amazon-ssm-agent.service google-guest-agent.service',
    '',
    'low',
  ],
  ['vpn', 'a VPN', 'tailscaled openvpn charon wg-quick zerotier-one nebula netbird', '', 'tailscaled.service', '', 'low'],
  [
    'cluster',
    'the cluster',
    'k3s k3s-server k3s-agent kubelet kube-apiserver kube-proxy etcd containerd flanneld traefik',
    '',
    'k3s.service k3s-agent.service containerd.service kubepods',
    '',
    'low',
  ],
]);

/** The whole table, in the order in which a listener is looked up. */
export const catalogue: readonly KnownService[] = [...belongs, ...surplus, ...owners];

/** Ports that the kernel itself holds for WireGuard and VXLAN: no process stands beside them. */
export const kernelPorts: ReadonlySet<string> = new Set(['udp/8472', 'udp/4789', 'udp/51820', 'udp/51821']);

/** Services that a package is known to bring: masked before it is installed, so that they never run. */
export const packageBrings: Readonly<Record<string, readonly string[]>> = {
  'nfs-common': ['rpcbind'],
  'nfs-kernel-server': ['rpcbind'],
  'nfs-utils': ['rpcbind'],
  quota: ['rpcbind'],
  cups: ['avahi'],
};
