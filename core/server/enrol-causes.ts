export type Phase = 'enrol' | 'connect' | 'become_root' | 'prepare' | 'install';

export interface CauseParts {
  phase: Phase;
  /** The enrolment script ends with it. */
  exit?: number;
  /** What it means, in one sentence. */
  sentence: string;
  /** The next step: a command to paste. SERVER stands for the server's name. */
  hint: string;
}

/** What the enrolment script, or the claim it sends, is refused for. */
export const enrolCauses = {
  not_root: {
    phase: 'enrol',
    exit: 10,
    sentence: 'the enrolment script was not started as root',
    hint: 'paste the whole line as it was shown, with `sudo`',
  },
  os_unsupported: {
    phase: 'enrol',
    exit: 11,
    sentence: 'the operating system or its release is not supported',
    hint: 'use Debian 12 or 13, or Ubuntu 22.04 to 26.04: `cat /etc/os-release`',
  },
  arch_unsupported: {
    phase: 'enrol',
    exit: 12,
    sentence: 'the processor architecture is not supported',
    hint: 'use amd64 or arm64: `uname -m`',
  },
  systemd_missing: {
    phase: 'enrol',
    exit: 13,
    sentence: 'systemd is not process 1 of the machine',
    hint: 'boot it with systemd: `ps -p 1 -o comm=`',
  },
  container: {
    phase: 'enrol',
    exit: 14,
    sentence: 'the script runs inside a container, which cannot be a cluster node',
    hint: 'run the line on the machine itself: `systemd-detect-virt`',
  },
  root_read_only: {
    phase: 'enrol',
    exit: 16,
    sentence: 'the root file system is mounted read-only',
    hint: 'see why: `dmesg | grep -i remount`; then `mount -o remount,rw /`',
  },
  disk_full: {
    phase: 'enrol',
    exit: 17,
    sentence: 'a file system of the server is full',
    hint: 'make room: `df -h; apt-get clean; journalctl --vacuum-size=100M`',
  },
  account_foreign: {
    phase: 'enrol',
    exit: 18,
    sentence: 'a user kipper stands on the server and is not ours',
    hint: 'rename it: `usermod -l OTHER kipper`, then run the line again',
  },
  part_missing: {
    phase: 'enrol',
    exit: 15,
    sentence: 'sudo, the OpenSSH server, curl or useradd is missing',
    hint: '`apt-get install sudo openssh-server curl ca-certificates passwd`',
  },
  identity_missing: {
    phase: 'enrol',
    exit: 19,
    sentence: 'the machine has no machine-id or no SSH host keys',
    hint: '`systemd-machine-id-setup; ssh-keygen -A; systemctl restart ssh`',
  },
  token_malformed: {
    phase: 'enrol',
    exit: 20,
    sentence: 'the enrolment token is missing, cut off or no token',
    hint: 'paste the whole line of `kip server invite SERVER`',
  },
  outbound_blocked: {
    phase: 'enrol',
    exit: 22,
    sentence: 'the server cannot reach the control plane',
    hint: 'allow outgoing TCP to it; try on the server: `curl -v KIPPER_URL/healthz`',
  },
  sudo_refused: {
    phase: 'enrol',
    exit: 24,
    sentence: 'sudo does not follow the rule for kipper',
    hint: '`visudo -c; grep includedir /etc/sudoers; sudo -l -U kipper`',
  },
  cluster_stands: {
    phase: 'enrol',
    exit: 25,
    sentence: 'a cluster stands where --uninstall should take everything away',
    hint: '`kip cluster remove NAME`, or `--uninstall --with-cluster`',
  },
  changed_since: {
    phase: 'enrol',
    exit: 26,
    sentence: 'something that Kipper changed was changed by a person since',
    hint: 'put right what the script names, then run `--uninstall` again',
  },
  sshd_config_broken: { phase: 'enrol', exit: 28, sentence: 'sshd refuses its configuration', hint: '`sshd -t` names the line' },
  enrolment_running: {
    phase: 'enrol',
    exit: 29,
    sentence: 'another enrolment runs on the machine',
    hint: 'wait for it: `fuser -v /run/kipper-enrol.lock`',
  },
  sshd_dropin_ignored: {
    phase: 'enrol',
    sentence: 'sshd does not read /etc/ssh/sshd_config.d',
    hint: 'add at the top of /etc/ssh/sshd_config: `Include /etc/ssh/sshd_config.d/*.conf`',
  },
  user_not_allowed: {
    phase: 'enrol',
    sentence: 'AllowUsers or AllowGroups would keep kipper out',
    hint: 'the script mends it for kipper alone; later: `kip server invite SERVER`',
  },
  machine_cloned: {
    phase: 'enrol',
    sentence: 'the machine-id or a host key is pinned to another server already',
    hint: 'on a clone: `rm /etc/machine-id /etc/ssh/ssh_host_*; systemd-machine-id-setup; ssh-keygen -A; reboot`',
  },
  token_over: { phase: 'enrol', exit: 23, sentence: 'the enrolment was used, revoked or has expired', hint: '`kip server invite SERVER`' },
  pin_mismatch: {
    phase: 'enrol',
    exit: 27,
    sentence: 'the control plane answered with another certificate key than the script was made for',
    hint: 'do not go on; make a new line: `kip server invite SERVER`',
  },
  clock_skew: {
    phase: 'enrol',
    exit: 21,
    sentence: 'the clock of the server is off by more than a minute',
    hint: '`timedatectl set-ntp true; timedatectl`',
  },
  public_url_changed: {
    phase: 'enrol',
    sentence: 'KIPPER_URL was changed after the enrolment was made',
    hint: '`kip server invite SERVER`',
  },
} as const satisfies Record<string, CauseParts>;
