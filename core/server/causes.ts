import { enrolCauses, type CauseParts } from './enrol-causes.ts';

/** Every named reason why a server cannot be reached, enrolled or made a cluster, with its exact next step. */
export const causes = {
  ...enrolCauses,

  dns_failed: {
    phase: 'connect',
    sentence: 'the name of the server cannot be resolved',
    hint: '`kip server show SERVER`, then give it an address: `kip server invite SERVER`',
  },
  unreachable_network: {
    phase: 'connect',
    sentence: 'there is no route to the server',
    hint: 'from the control plane: `ip route get ADDRESS`; check the address with `kip server show SERVER`',
  },
  refused: {
    phase: 'connect',
    sentence: 'nothing listens on the SSH port of the server',
    hint: 'on the server: `systemctl status ssh; ss -lnt`; the port we use: `kip server show SERVER`',
  },
  timed_out: {
    phase: 'connect',
    sentence: 'the server does not answer on its SSH port',
    hint: 'let the control plane in at the firewall of the server and of its provider: `ufw status; nft list ruleset`',
  },
  target_refused: {
    phase: 'connect',
    sentence: 'the address is one that this control plane may not dial',
    hint: 'set `KIPPER_TARGETS=any` if the server really is in a private network',
  },
  not_ssh: {
    phase: 'connect',
    sentence: 'what answers on the port does not speak SSH',
    hint: 'find the port of sshd on the server: `sshd -T | grep ^port`',
  },
  host_key_changed: {
    phase: 'connect',
    sentence: 'the server shows another host key than the pinned ones',
    hint: 'if it was installed anew: `kip server invite SERVER --replace`; if not, somebody else holds its address',
  },
  too_many_startups: {
    phase: 'connect',
    sentence: 'sshd drops connections before the handshake (MaxStartups, fail2ban or PerSourcePenalties)',
    hint: 'on the server: `sshd -T | grep -i startups; journalctl -u ssh -n 50; fail2ban-client status sshd`',
  },
  no_common_algorithm: {
    phase: 'connect',
    sentence: 'the server and Kipper share no SSH algorithm',
    hint: 'on the server: `sshd -T | grep -E "^(kexalgorithms|ciphers|macs|hostkeyalgorithms)"`; allow one modern of each',
  },
  key_refused: {
    phase: 'connect',
    sentence: 'sshd refuses our key for the user kipper: the account, its key file, AllowUsers or DenyUsers',
    hint: 'enrol it again, which mends all of these: `kip server invite SERVER`; why: `journalctl -u ssh -n 20`',
  },
  connection_lost: {
    phase: 'connect',
    sentence: 'the connection broke off',
    hint: 'try again; if it stays: `journalctl -u ssh -n 50` on the server',
  },
  forwarding_off: {
    phase: 'connect',
    sentence: 'sshd forbids the port forwarding that reaches the Kubernetes API',
    hint: '`kip server harden SERVER`; what sshd says: `sshd -T -C user=kipper | grep forwarding`',
  },

  sudo_missing: { phase: 'become_root', sentence: 'sudo is not installed on the server', hint: '`apt-get install sudo`' },
  sudo_password: {
    phase: 'become_root',
    sentence: 'sudo asks for a password',
    hint: 'on the server, as root: `visudo -cf /etc/sudoers.d/kipper; sudo -l -U kipper`; or enrol it again: `kip server invite SERVER`',
  },
  sudo_tty: {
    phase: 'become_root',
    sentence: 'sudo wants a terminal (requiretty)',
    hint: 'enrol it again: `kip server invite SERVER`; its sudo rule then says `Defaults:kipper !requiretty`',
  },
  shell_broken: {
    phase: 'become_root',
    sentence: 'the shell of kipper or /bin/sh does not run commands',
    hint: 'on the server: `getent passwd kipper; ls -l /bin/sh; sh -c "echo ok"`',
  },
  probe_malformed: {
    phase: 'become_root',
    sentence: 'the answer of the server to our probe is no probe answer',
    hint: 'on the server, as root: `sh -c "echo ok"` has to print ok and nothing else',
  },

  dpkg_locked: {
    phase: 'prepare',
    sentence: 'another program holds the lock of dpkg',
    hint: 'wait for it: `fuser -v /var/lib/dpkg/lock-frontend`',
  },
  repository_down: {
    phase: 'prepare',
    sentence: 'the package repositories of the server do not answer',
    hint: '`apt-get update` on the server names the one at fault',
  },
  noexec_tmp: {
    phase: 'prepare',
    sentence: '/tmp is mounted noexec, which breaks scripts of packages',
    hint: '`mount -o remount,exec /tmp`, and in /etc/fstab',
  },

  k3s_foreign: {
    phase: 'install',
    sentence: 'a k3s that Kipper did not install stands here',
    hint: 'audit it with `kip server audit SERVER`, or remove it: `/usr/local/bin/k3s-uninstall.sh`',
  },
  docker_present: {
    phase: 'install',
    sentence: 'Docker runs here and shares the packet filter with the cluster',
    hint: 'use a machine of its own, or: `systemctl disable --now docker.socket docker`',
  },
  panel_present: {
    phase: 'install',
    sentence: 'a server panel runs here and would fight over ports 80 and 443',
    hint: 'use a server without a panel',
  },
  memory_low: { phase: 'install', sentence: 'the server has too little memory for k3s', hint: 'give it 2 GiB or more: `free -h`' },
  disk_low: {
    phase: 'install',
    sentence: 'the server has too little free disk for k3s',
    hint: 'make room below /var/lib: `df -h /var/lib; apt-get clean; journalctl --vacuum-size=100M`',
  },
  ports_taken: {
    phase: 'install',
    sentence: 'a port that the cluster needs is taken',
    hint: 'see by whom: `ss -lntup`; then `systemctl disable --now NAME`',
  },
  cidr_overlap: {
    phase: 'install',
    sentence: 'a network of the server overlaps the pod or service network',
    hint: '`ip route`; move that network away from 10.42.0.0/16 and 10.43.0.0/16',
  },
  modules_missing: {
    phase: 'install',
    sentence: 'the kernel lacks modules that pods need',
    hint: '`apt-get install linux-image-amd64` (or -arm64), then reboot',
  },
  cgroup_v1: {
    phase: 'install',
    sentence: 'the server uses cgroup version 1',
    hint: 'add `systemd.unified_cgroup_hierarchy=1` to the kernel command line and reboot',
  },
  selinux_enforcing: {
    phase: 'install',
    sentence: 'SELinux enforces a policy that has no rules for k3s',
    hint: '`setenforce 0`, or install the k3s-selinux policy',
  },

  unknown: {
    phase: 'connect',
    sentence: 'the connection failed in a way that has no name yet',
    hint: '`kip run ls`, then `kip run show RUN` shows what was tried',
  },
} as const satisfies Record<string, CauseParts>;

export type CauseName = keyof typeof causes;
export interface Cause extends CauseParts {
  name: CauseName;
}
