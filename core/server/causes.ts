export type Phase = 'enrol' | 'connect' | 'become_root' | 'prepare' | 'install';

interface CauseParts {
  phase: Phase;
  /** The enrolment script ends with it. */
  exit?: number;
  /** What it means, in one sentence. */
  sentence: string;
  /** The next step: a command to paste. SERVER stands for the server's name. */
  hint: string;
}

/** Every named reason why a server cannot be reached, enrolled or made a cluster, with its exact next step. */
export const causes = {
  not_root: { phase: 'enrol', exit: 10, sentence: 'the enrolment script was not started as root', hint: 'paste the whole line as it was shown, with `sudo`' },
  os_unsupported: { phase: 'enrol', exit: 11, sentence: 'the operating system or its release is not supported', hint: 'use Debian 12 or 13, or Ubuntu 22.04 to 26.04: `cat /etc/os-release`' },
  arch_unsupported: { phase: 'enrol', exit: 12, sentence: 'the processor architecture is not supported', hint: 'use amd64 or arm64: `uname -m`' },
  systemd_missing: { phase: 'enrol', exit: 13, sentence: 'systemd is not process 1 of the machine', hint: 'boot it with systemd: `ps -p 1 -o comm=`' },
  container: { phase: 'enrol', exit: 14, sentence: 'the script runs inside a container, which cannot be a cluster node', hint: 'run the line on the machine itself: `systemd-detect-virt`' },
  root_read_only: { phase: 'enrol', exit: 16, sentence: 'the root file system is mounted read-only', hint: 'see why: `dmesg | grep -i remount`; then `mount -o remount,rw /`' },
  disk_full: { phase: 'enrol', exit: 17, sentence: 'a file system of the server is full', hint: 'make room: `df -h; apt-get clean; journalctl --vacuum-size=100M`' },
  account_foreign: { phase: 'enrol', exit: 18, sentence: 'a user kipper stands on the server and is not ours', hint: 'rename it: `usermod -l OTHER kipper`, then run the line again' },
  part_missing: { phase: 'enrol', exit: 15, sentence: 'sudo, the OpenSSH server, curl or useradd is missing', hint: '`apt-get install sudo openssh-server curl ca-certificates passwd`' },
  identity_missing: { phase: 'enrol', exit: 19, sentence: 'the machine has no machine-id or no SSH host keys', hint: '`systemd-machine-id-setup; ssh-keygen -A; systemctl restart ssh`' },
  token_malformed: { phase: 'enrol', exit: 20, sentence: 'the enrolment token is missing, cut off or no token', hint: 'paste the whole line of `kip server invite SERVER`' },
  outbound_blocked: { phase: 'enrol', exit: 22, sentence: 'the server cannot reach the control plane', hint: 'allow outgoing TCP to it; try on the server: `curl -v KIPPER_URL/healthz`' },
  sudo_refused: { phase: 'enrol', exit: 24, sentence: 'sudo does not follow the rule for kipper', hint: '`visudo -c; grep includedir /etc/sudoers; sudo -l -U kipper`' },
  cluster_stands: { phase: 'enrol', exit: 25, sentence: 'a cluster stands where --uninstall should take everything away', hint: '`kip cluster remove NAME`, or `--uninstall --with-cluster`' },
  changed_since: { phase: 'enrol', exit: 26, sentence: 'something that Kipper changed was changed by a person since', hint: 'put right what the script names, then run `--uninstall` again' },
  sshd_config_broken: { phase: 'enrol', exit: 28, sentence: 'sshd refuses its configuration', hint: '`sshd -t` names the line' },
  enrolment_running: { phase: 'enrol', exit: 29, sentence: 'another enrolment runs on the machine', hint: 'wait for it: `fuser -v /run/kipper-enrol.lock`' },
  sshd_dropin_ignored: {
    phase: 'enrol',
    sentence: 'sshd does not read /etc/ssh/sshd_config.d',
    hint: 'add at the top of /etc/ssh/sshd_config: `Include /etc/ssh/sshd_config.d/*.conf`',
  },
  user_not_allowed: { phase: 'enrol', sentence: 'AllowUsers or AllowGroups would keep kipper out', hint: 'the script mends it for kipper alone; later: `kip server invite SERVER`' },
  machine_cloned: {
    phase: 'enrol',
    sentence: 'the machine-id or a host key is pinned to another server already',
    hint: 'on a clone: `rm /etc/machine-id /etc/ssh/ssh_host_*; systemd-machine-id-setup; ssh-keygen -A; reboot`',
  },
  token_over: { phase: 'enrol', exit: 23, sentence: 'the enrolment was used, revoked or has expired', hint: '`kip server invite SERVER`' },
  pin_mismatch: { phase: 'enrol', exit: 27, sentence: 'the control plane answered with another certificate key than the script was made for', hint: 'do not go on; make a new line: `kip server invite SERVER`' },
  clock_skew: { phase: 'enrol', exit: 21, sentence: 'the clock of the server is off by more than a minute', hint: '`timedatectl set-ntp true; timedatectl`' },
  public_url_changed: { phase: 'enrol', sentence: 'KIPPER_URL was changed after the enrolment was made', hint: '`kip server invite SERVER`' },

  dns_failed: { phase: 'connect', sentence: 'the name of the server cannot be resolved', hint: '`kip server show SERVER`, then give it an address: `kip server invite SERVER`' },
  unreachable_network: { phase: 'connect', sentence: 'there is no route to the server', hint: 'from the control plane: `ip route get ADDRESS`; check the address with `kip server show SERVER`' },
  refused: { phase: 'connect', sentence: 'nothing listens on the SSH port of the server', hint: 'on the server: `systemctl status ssh; ss -lnt`; the port we use: `kip server show SERVER`' },
  timed_out: { phase: 'connect', sentence: 'the server does not answer on its SSH port', hint: 'let the control plane in at the firewall of the server and of its provider: `ufw status; nft list ruleset`' },
  target_refused: { phase: 'connect', sentence: 'the address is one that this control plane may not dial', hint: 'set KIPPER_TARGETS=any if the server really is in a private network' },
  not_ssh: { phase: 'connect', sentence: 'what answers on the port does not speak SSH', hint: 'find the port of sshd on the server: `sshd -T | grep ^port`' },
  host_key_changed: { phase: 'connect', sentence: 'the server shows another host key than the pinned ones', hint: 'if it was installed anew: `kip server invite SERVER --replace`; if not, somebody else holds its address' },
  too_many_startups: { phase: 'connect', sentence: 'sshd drops connections before the handshake (MaxStartups, fail2ban or PerSourcePenalties)', hint: 'on the server: `sshd -T | grep -i startups; journalctl -u ssh -n 50; fail2ban-client status sshd`' },
  no_common_algorithm: { phase: 'connect', sentence: 'the server and Kipper share no SSH algorithm', hint: 'on the server: `sshd -T | grep -E "^(kexalgorithms|ciphers|macs|hostkeyalgorithms)"`; allow one modern of each' },
  key_refused: { phase: 'connect', sentence: 'sshd refuses our key for the user kipper: the account, its key file, AllowUsers or DenyUsers', hint: 'enrol it again, which mends all of these: `kip server invite SERVER`; why: `journalctl -u ssh -n 20`' },
  connection_lost: { phase: 'connect', sentence: 'the connection broke off', hint: 'try again; if it stays: `journalctl -u ssh -n 50` on the server' },
  forwarding_off: { phase: 'connect', sentence: 'sshd forbids the port forwarding that reaches the Kubernetes API', hint: '`kip server harden SERVER`; what sshd says: `sshd -T -C user=kipper | grep forwarding`' },

  sudo_missing: { phase: 'become_root', sentence: 'sudo is not installed on the server', hint: '`apt-get install sudo`' },
  sudo_password: { phase: 'become_root', sentence: 'sudo asks for a password', hint: 'on the server, as root: `visudo -cf /etc/sudoers.d/kipper; sudo -l -U kipper`; or enrol it again: `kip server invite SERVER`' },
  sudo_tty: { phase: 'become_root', sentence: 'sudo wants a terminal (requiretty)', hint: 'enrol it again: `kip server invite SERVER`; its sudo rule then says `Defaults:kipper !requiretty`' },
  shell_broken: { phase: 'become_root', sentence: 'the shell of kipper or /bin/sh does not run commands', hint: 'on the server: `getent passwd kipper; ls -l /bin/sh; sh -c "echo ok"`' },
  probe_malformed: { phase: 'become_root', sentence: 'the answer of the server to our probe is no probe answer', hint: 'on the server, as root: `sh -c "echo ok"` has to print ok and nothing else' },

  dpkg_locked: { phase: 'prepare', sentence: 'another program holds the lock of dpkg', hint: 'wait for it: `fuser -v /var/lib/dpkg/lock-frontend`' },
  repository_down: { phase: 'prepare', sentence: 'the package repositories of the server do not answer', hint: '`apt-get update` on the server names the one at fault' },
  noexec_tmp: { phase: 'prepare', sentence: '/tmp is mounted noexec, which breaks scripts of packages', hint: '`mount -o remount,exec /tmp`, and in /etc/fstab' },

  k3s_foreign: { phase: 'install', sentence: 'a k3s that Kipper did not install stands here', hint: 'audit it with `kip server audit SERVER`, or remove it: `/usr/local/bin/k3s-uninstall.sh`' },
  docker_present: { phase: 'install', sentence: 'Docker runs here and shares the packet filter with the cluster', hint: 'use a machine of its own, or: `systemctl disable --now docker.socket docker`' },
  panel_present: { phase: 'install', sentence: 'a server panel runs here and would fight over ports 80 and 443', hint: 'use a server without a panel' },
  memory_low: { phase: 'install', sentence: 'the server has too little memory for k3s', hint: 'give it 2 GiB or more: `free -h`' },
  disk_low: { phase: 'install', sentence: 'the server has too little free disk for k3s', hint: 'make room below /var/lib: `df -h /var/lib; apt-get clean; journalctl --vacuum-size=100M`' },
  ports_taken: { phase: 'install', sentence: 'a port that the cluster needs is taken', hint: 'see by whom: `ss -lntup`; then `systemctl disable --now NAME`' },
  cidr_overlap: { phase: 'install', sentence: 'a network of the server overlaps the pod or service network', hint: '`ip route`; move that network away from 10.42.0.0/16 and 10.43.0.0/16' },
  modules_missing: { phase: 'install', sentence: 'the kernel lacks modules that pods need', hint: '`apt-get install linux-image-amd64` (or -arm64), then reboot' },
  cgroup_v1: { phase: 'install', sentence: 'the server uses cgroup version 1', hint: 'add `systemd.unified_cgroup_hierarchy=1` to the kernel command line and reboot' },
  selinux_enforcing: { phase: 'install', sentence: 'SELinux enforces a policy that has no rules for k3s', hint: '`setenforce 0`, or install the k3s-selinux policy' },

  unknown: { phase: 'connect', sentence: 'the connection failed in a way that has no name yet', hint: '`kip run ls`, then `kip run show RUN` shows what was tried' },
} as const satisfies Record<string, CauseParts>;

export type CauseName = keyof typeof causes;
export interface Cause extends CauseParts {
  name: CauseName;
}
