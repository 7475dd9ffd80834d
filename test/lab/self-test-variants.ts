import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './hosts.ts';
import { type Lab, openLab } from './lab.ts';
import { imageNames } from './images.ts';
import { opens } from './probe.ts';
import type { Tally } from './self-test-tally.ts';
import { variants } from './variants.ts';

type Proof = (host: Host, lab: Lab) => Promise<boolean>;

const says =
  (command: string, wanted: string | RegExp): Proof =>
  async (host) => {
    const done = await host.exec(command, { timeoutMs: 30_000 });
    const output = done.stdout + done.stderr;
    return typeof wanted === 'string' ? output.includes(wanted) : wanted.test(output);
  };

const sshSays =
  (user: string, command: string, wanted: RegExp): Proof =>
  async (host) => {
    const done = await host.ssh(command, { user, timeoutMs: 15_000 });
    return wanted.test(done.stdout + done.stderr);
  };

const closed =
  (port: number): Proof =>
  async (host) =>
    !(await opens(host.address, port));
const open =
  (port: number): Proof =>
  (host) =>
    opens(host.address, port);
const all =
  (...proofs: Proof[]): Proof =>
  async (host, lab) => {
    for (const proof of proofs) if (!(await proof(host, lab))) return false;
    return true;
  };

const clockOffset =
  (seconds: number): Proof =>
  async (host) => {
    const told = Number(await host.sh('date +%s'));
    return Math.abs(told - Date.now() / 1000 - seconds) < 5;
  };

const canInstall = 'apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y snmpd';

const proofs: Record<string, Proof> = {
  'port-2222': all(closed(22), open(2222)),
  'socket-activated': all(says('systemctl is-active ssh.socket', 'active'), says('systemctl is-enabled ssh.service', 'disabled'), open(22)),
  'socket-2222': all(closed(22), open(2222)),
  'allow-users': all(sshSays('root', 'id -un', /^root/), sshSays('plain', 'id', /denied/)),
  'forwarding-off': says('sshd -T', 'allowtcpforwarding no'),
  'max-startups': async (host) => {
    const holder = host.exec('exec 3<>/dev/tcp/127.0.0.1/22; sleep 3');
    await new Promise((resolve) => setTimeout(resolve, 700));
    const second = await host.ssh('true');
    await holder;
    return second.code !== 0 && (await host.ssh('true')).code === 0;
  },
  'password-root': all(sshSays('root', 'id', /denied/), async (host, lab) => {
    const askpass = join(lab.folder, 'askpass');
    writeFileSync(askpass, '#!/bin/sh\necho "$LAB_PASSWORD"\n', { mode: 0o700 });
    const env = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', LAB_PASSWORD: lab.login.password };
    return (await host.ssh('id -un', { env })).stdout === 'root\n';
  }),
  'root-off': all(sshSays('root', 'id', /denied/), sshSays('ops', 'sudo -n id -un', /root/)),
  'match-block': says('tail -2 /etc/ssh/sshd_config; sshd -t && echo fine', /Match User plain[^]*fine/),
  'no-include': says("sshd -t && ! grep -q '^Include' /etc/ssh/sshd_config && echo fine", 'fine'),
  'sudo-password': async (host, lab) => {
    const without = await host.ssh('sudo -n id -un', { user: 'ops' });
    const withIt = await host.ssh('sudo -S id -un', { user: 'ops', stdin: `${lab.login.password}\n` });
    return without.code !== 0 && withIt.stdout.includes('root');
  },
  'sudo-tty': sshSays('ops', 'sudo -n id -un', /tty/),
  'no-sudo': sshSays('ops', 'sudo -n id -un', /not found/),
  'busybox-sh': says('sh --help', 'BusyBox'),
  'noisy-shell': sshSays('root', 'echo hello', /Welcome to this server\nhello/),
  'broken-sh': all(sshSays('root', 'echo hello', /not available/), sshSays('ops', 'sudo -n id -un', /root/)),
  'ufw-active': all(says('ufw status', 'Status: active'), open(22), closed(111)),
  'firewalld-active': all(says('firewall-cmd --state', 'running'), open(22), closed(111)),
  'nft-foreign': all(says('nft list tables', 'inet site'), open(22), closed(111)),
  'iptables-drop': all(says('iptables -S', '-P INPUT DROP'), open(22), closed(111)),
  'egress-blocked': async (host, lab) => (await host.exec(`curl -s -m 3 http://${lab.network.gateway}:8080/bookworm/Release`)).code !== 0,
  'blocked-6443': async (host) => {
    const server = host.exec('timeout 4 busybox httpd -f -p 6443; true');
    await new Promise((resolve) => setTimeout(resolve, 700));
    const outside = await opens(host.address, 6443);
    const inside = await host.exec('exec 3<>/dev/tcp/127.0.0.1/6443');
    await server;
    return !outside && inside.code === 0;
  },
  'ports-taken': all(open(80), open(6443)),
  'snmpd-listening': says('ss -Hlunp', /0\.0\.0\.0:161 .*snmpd/),
  'avahi-listening': says('ss -Hlunp', /0\.0\.0\.0:5353 .*avahi/),
  'telnet-listening': open(23),
  'cidr-overlap': says('ip route', '10.42.0.0/16 dev corp0'),
  'service-cidr-overlap': says('ip route', '10.43.0.0/16 via'),
  'no-ipv6': says('ip -6 address show dev eth0; echo end', /^end/),
  lean: says('command -v ufw unattended-upgrade rpcbind mount.nfs; echo end', /^end/),
  'full-disk': says('echo word >/root/file', 'No space left'),
  'small-disk': says('df -BM --output=size / | tail -1', /1024M/),
  'noexec-tmp': says('for d in /tmp /var/tmp /dev/shm; do cp /bin/true $d/x; $d/x; done', /(denied[^]*){3}/),
  'readonly-root': says('touch /etc/x /var/x', /(Read-only[^]*){2}/),
  'small-memory': says('free -m', /Mem: +512/),
  'clock-ahead': clockOffset(600),
  'clock-behind': clockOffset(-600),
  'docker-present': all(says('systemctl is-active docker', 'active'), says('pgrep -x dockerd || pgrep -f ^dockerd', /\d/)),
  'dpkg-locked': says(canInstall, 'lock-frontend'),
  'dpkg-half': all(says('dpkg -l site-agent', /^iF/m), says(canInstall, 'site-agent: cannot configure')),
  'apt-down': says('apt-get update', /refused/),
  'sysctl-conf': says('sysctl -n net.ipv4.ip_forward', '0'),
  'leftover-k3s': says('ls /etc/rancher/k3s /var/lib/rancher/k3s/server', 'config.yaml'),
};

async function proveOne(tally: Tally, lab: Lab, image: (typeof imageNames)[number], name: string): Promise<void> {
  const proof = proofs[name];
  if (!proof) return tally.fail(`${image} ${name}: has no proof`);
  await tally.check(`${image} ${name}`, async () => {
    const host = await lab.boot({ name: `${image}-${name}`, image, variants: [name] });
    try {
      await host.exec('systemctl is-system-running --wait', { timeoutMs: 20_000 });
      return await proof(host, lab);
    } finally {
      await host.down();
    }
  });
}

/** Boots a host for each variant and looks from outside or inside whether it is what it says. */
export async function checkVariants(tally: Tally, wanted: string[], say: (line: string) => void): Promise<void> {
  const names = wanted.length > 0 ? wanted : Object.keys(variants);
  const lab = await openLab({ image: 'debian-12', say });
  try {
    const rest = imageNames.flatMap((image) => names.map((name) => ({ image, name })));
    const worker = async (): Promise<void> => {
      for (let next = rest.shift(); next; next = rest.shift()) await proveOne(tally, lab, next.image, next.name);
    };
    await Promise.all([worker(), worker(), worker()]);
  } finally {
    await lab.close();
  }
}
