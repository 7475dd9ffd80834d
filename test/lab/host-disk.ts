import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Image } from './images.ts';
import { type HostKey, type Login, makeHostKeys } from './keys.ts';
import type { Network } from './network.ts';
import { hostFolder, folder } from './paths.ts';
import { must } from './shell.ts';
import type { HostRecord } from './state.ts';
import { variants } from './variants.ts';

export const aptPort = 8080;
export const registryPort = 5000;

export interface Disk {
  root: string;
  /** Real folders behind containerd's: an overlay cannot carry overlays. All else is on the root, so that it can be removed whole. */
  binds: Record<string, string>;
}

// k3s proper brings a containerd of its own.
const realK3sPath = '/var/lib/rancher/k3s/agent/containerd';

/** Mounts the host's own layer over the image; what the host writes survives its reboots, until down(). */
export async function makeDisk(place: string, image: Image, host: HostRecord): Promise<Disk> {
  const disk = folder(place, 'disk');
  const size = host.variants.map((name) => variants[name]?.disk).find(Boolean);
  if (size) await must('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'kipper-lab', disk]);
  const [upper, work, root] = [folder(disk, 'upper'), folder(disk, 'work'), folder(place, 'root')];
  const lean = host.variants.some((name) => variants[name]?.lean);
  const lower = lean ? image.lean : `${image.full}:${image.lean}`;
  await must('mount', ['-t', 'overlay', 'kipper-lab', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, root]);
  const binds: Record<string, string> = {};
  if (host.pods) binds[folder(place, 'containerd')] = '/var/lib/containerd';
  if (host.realK3s) binds[folder(place, 'k3s-containerd')] = realK3sPath;
  return { root, binds };
}

function put(root: string, path: string, text: string, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** Everything that makes this host differ from its image. */
export async function prepareDisk(root: string, suite: string, host: HostRecord, network: Network, login: Login): Promise<HostKey> {
  const key = await makeHostKeys(root);
  put(root, 'etc/machine-id', `${randomUUID().replaceAll('-', '')}\n`, 0o444);
  put(root, 'etc/hostname', `${host.name}\n`);
  put(root, 'etc/hosts', `127.0.0.1 localhost\n::1 localhost\n${host.address} ${host.name}\n${network.gateway} lab\n`);
  put(root, 'etc/resolv.conf', 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
  put(root, 'etc/apt/sources.list', `deb [trusted=yes] http://${network.gateway}:${aptPort}/${suite}/ ./\n`);
  putLabUnit(root, host, network);
  if (host.pods) putContainerd(root, network);
  await must('chroot', [root, '/bin/bash', '-eu', '-c', accounts(login)]);
  await runPrepare(root, host, network, login);
  return key;
}

function putLabUnit(root: string, host: HostRecord, network: Network): void {
  const values = { ADDRESS: host.address, ADDRESS6: host.address6, GATEWAY: network.gateway, GATEWAY6: network.gateway6 };
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  put(root, 'etc/kipper-lab/host.env', lines.join(''));
  copyFileSync(join(hostFolder, 'boot.sh'), join(root, 'etc/kipper-lab/boot.sh'));
  copyFileSync(join(hostFolder, 'kipper-lab-host.service'), join(root, 'etc/systemd/system/kipper-lab-host.service'));
  for (const name of host.variants) {
    const script = variants[name]?.atBoot;
    if (script) put(root, `etc/kipper-lab/at-boot.d/${name}`, `${script}\n`);
  }
}

function putContainerd(root: string, network: Network): void {
  copyFileSync(join(hostFolder, 'containerd.toml'), join(root, 'etc/containerd/config.toml'));
  const registry = `${network.gateway}:${registryPort}`;
  // Without a host of its own, containerd 1.6 speaks TLS whatever the scheme says.
  put(
    root,
    `etc/containerd/certs.d/${registry}/hosts.toml`,
    `server = "http://${registry}"\n[host."http://${registry}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
}

function accounts(login: Login): string {
  return `
rm -f /etc/apt/sources.list.d/*
install -d -m 700 /root/.ssh
printf '%s\\n' '${login.publicKey}' >/root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
for user in ops plain; do
	useradd -m -s /bin/bash $user
	install -d -m 700 -o $user -g $user /home/$user/.ssh
	install -m 600 -o $user -g $user /root/.ssh/authorized_keys /home/$user/.ssh/authorized_keys
done
printf 'ops:%s\\nplain:%s\\n' '${login.password}' '${login.password}' | chpasswd
usermod -aG sudo ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/ops
systemctl enable -q kipper-lab-host.service
systemctl mask -q run-rpc_pipefs.mount var-lib-nfs-rpc_pipefs.mount
`;
}

/** The scripts run in namespaces of their own, but on the machine's network: some install from the lab's repository. */
async function runPrepare(root: string, host: HostRecord, network: Network, login: Login): Promise<void> {
  const scripts = host.variants.flatMap((name) => variants[name]?.prepare ?? []);
  if (scripts.length === 0) return;
  const apt = `http://${network.gateway}:${aptPort}/`;
  const env = {
    LAB_PASSWORD: login.password,
    LAB_APT: apt,
    DEBIAN_FRONTEND: 'noninteractive',
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
  };
  const enter = 'mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp" && exec chroot "$1" /bin/bash -c "$2"';
  for (const script of scripts) {
    await must('unshare', ['--mount', '--pid', '--fork', 'bash', '-c', enter, 'prepare', root, script], { env });
  }
}
