import type { Variant } from './variant.ts';

const sshd = (...lines: string[]): string =>
  `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} >>/etc/ssh/sshd_config.d/50-site.conf`;

/** Ways in: ssh, accounts, sudo and shells. */
export const accessVariants: Record<string, Variant> = {
  'port-2222': { why: 'sshd listens on 2222 only', sshPort: 2222, prepare: sshd('Port 2222') },
  'socket-activated': {
    why: 'sshd is started by ssh.socket, so its port is not in sshd_config',
    prepare: 'systemctl disable -q ssh.service; systemctl enable -q ssh.socket',
  },
  'socket-2222': {
    why: 'ssh.socket listens on 2222 while sshd_config says 22',
    sshPort: 2222,
    prepare: `systemctl disable -q ssh.service; systemctl enable -q ssh.socket; mkdir -p /etc/systemd/system/ssh.socket.d
printf '[Socket]\\nListenStream=\\nListenStream=2222\\n' >/etc/systemd/system/ssh.socket.d/port.conf`,
  },
  'allow-users': { why: 'AllowUsers shuts out an account made later', prepare: sshd('AllowUsers root ops') },
  'forwarding-off': { why: 'no TCP forwarding through ssh', prepare: sshd('AllowTcpForwarding no') },
  'max-startups': { why: 'a second ssh login at the same time is refused', prepare: sshd('MaxStartups 1') },
  'password-root': {
    why: 'root logs in by password, no key is installed',
    prepare: `${sshd('PermitRootLogin yes', 'PasswordAuthentication yes')}; rm -f /root/.ssh/authorized_keys; echo "root:$LAB_PASSWORD" | chpasswd`,
  },
  'root-off': { why: 'only ops logs in', prepare: sshd('PermitRootLogin no') },
  'match-block': {
    why: 'sshd_config ends in a Match block, so an appended line lands inside it',
    prepare: "printf 'Match User plain\\n\\tX11Forwarding no\\n' >>/etc/ssh/sshd_config",
  },
  'no-include': {
    why: 'an old sshd_config without the Include line: drop-in files are not read',
    prepare: "sed -i '/^Include/d' /etc/ssh/sshd_config",
  },
  'sudo-password': { why: 'sudo asks ops for the password', prepare: 'rm /etc/sudoers.d/ops' },
  'sudo-tty': { why: 'sudo needs a terminal', prepare: "echo 'Defaults requiretty' >/etc/sudoers.d/tty; chmod 440 /etc/sudoers.d/tty" },
  'no-sudo': { why: 'sudo is not installed', prepare: 'SUDO_FORCE_REMOVE=yes dpkg --purge sudo' },
  'busybox-sh': { why: '/bin/sh is busybox', prepare: 'ln -sf /usr/bin/busybox /usr/bin/sh' },
  'noisy-shell': {
    why: "root's profile prints a line into every command's output",
    prepare: "sed -i '1i echo Welcome to this server' /root/.bashrc",
  },
  'broken-sh': {
    why: "root's login shell refuses: the connection works, no command does",
    prepare: 'usermod -s /usr/sbin/nologin root',
  },
};
