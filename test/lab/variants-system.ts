import { type Variant, unit } from './variant.ts';

/** The clock itself is shared by all hosts of a machine; what a program asks `date` is not. */
const clock = (seconds: number): string => `mv /usr/bin/date /usr/bin/date.real
cat >/usr/bin/date <<'WRAP'
#!/bin/bash
case " $* " in *" -d"*|*" --date"*|*" -r"*|*" -s"*) exec /usr/bin/date.real "$@" ;; esac
exec /usr/bin/date.real -d "@$(( $(/usr/bin/date.real +%s) + ${seconds} ))" "$@"
WRAP
chmod 755 /usr/bin/date`;

const holdLock = `import fcntl, signal
f = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(f, fcntl.LOCK_EX)
signal.pause()`;

/** Disk, memory, clock, packages. */
export const systemVariants: Record<string, Variant> = {
  lean: { why: 'ufw, unattended-upgrades, rpcbind and nfs-common must be installed first', lean: true },
  'full-disk': {
    why: 'the disk has no byte left',
    disk: '96m',
    afterBoot: 'rm -f /var/fill; cat /dev/zero >/var/fill 2>/dev/null; true',
  },
  'small-disk': { why: 'a 1 GB disk: too small for a cluster', disk: '1g' },
  'noexec-tmp': {
    why: 'nothing can be executed in /tmp, /var/tmp and /dev/shm',
    afterBoot: `for d in /tmp /var/tmp /dev/shm; do
mountpoint -q $d || mount --bind $d $d; mount -o remount,bind,noexec,nosuid,nodev $d; done`,
  },
  'readonly-root': {
    why: 'the root file system went read-only (all its folders; a mount with open files cannot be switched from inside)',
    afterBoot: 'for d in /etc /home /opt /root /srv /usr /var; do mount --rbind $d $d && mount -o remount,bind,ro $d; done',
  },
  'small-memory': {
    why: 'a machine with 512 MB (what /proc/meminfo says; no limit is enforced)',
    atBoot: `sed -E 's/^(MemTotal: +)[0-9]+/\\1524288/; s/^(MemFree|MemAvailable)(: +)[0-9]+/\\1\\2262144/' /proc/meminfo >/run/kipper-lab/meminfo
mount --bind /run/kipper-lab/meminfo /proc/meminfo`,
  },
  'clock-ahead': { why: 'the clock is 10 min ahead (a wrapped `date`)', prepare: clock(600) },
  'clock-behind': { why: 'the clock is 10 min behind (a wrapped `date`)', prepare: clock(-600) },
  'docker-present': {
    why: 'traces of Docker: /var/lib/docker and a running docker.service, whose dockerd is only a sleep of that name',
    prepare: `mkdir -p /var/lib/docker; cp /usr/bin/sleep /usr/bin/dockerd
${unit('docker', '/usr/bin/dockerd infinity')}`,
  },
  'dpkg-locked': {
    why: "another program holds dpkg's lock",
    prepare: `cat >/usr/local/sbin/hold-dpkg.py <<'PY'\n${holdLock}\nPY\n${unit('hold-dpkg', '/usr/bin/python3 /usr/local/sbin/hold-dpkg.py')}`,
  },
  'dpkg-half': {
    why: 'a package is half configured, and its script fails again at every try',
    prepare: `mkdir -p /tmp/p/DEBIAN; printf 'Package: site-agent\\nVersion: 1\\nArchitecture: all\\nMaintainer: lab <lab@localhost>\\nDescription: broken\\n' >/tmp/p/DEBIAN/control
printf '#!/bin/sh\\necho site-agent: cannot configure >&2\\nexit 1\\n' >/tmp/p/DEBIAN/postinst; chmod 755 /tmp/p/DEBIAN/postinst
dpkg-deb -b /tmp/p /tmp/site-agent.deb >/dev/null; dpkg -i /tmp/site-agent.deb >/dev/null 2>&1; rm -rf /tmp/p /tmp/site-agent.deb`,
  },
  'apt-down': { why: 'the package repository refuses connections', prepare: "sed -i -E 's|:[0-9]+/|:9/|' /etc/apt/sources.list" },
  'sysctl-conf': {
    why: "the owner's own sysctl file that switches forwarding off",
    prepare: "printf 'net.ipv4.ip_forward=0\\nkernel.panic=0\\n' >/etc/sysctl.d/99-site.conf",
  },
  'leftover-k3s': {
    why: 'folders of an earlier cluster',
    prepare: 'mkdir -p /etc/rancher/k3s /var/lib/rancher/k3s/server/db; echo "cluster-init: true" >/etc/rancher/k3s/config.yaml',
  },
};
