// Proves the lab itself: bin/node test/lab/self-test.ts [base|variants|NAME of a variant ...]
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import type { Host } from './hosts.ts';
import { type Lab, openLab } from './lab.ts';
import { missingNeeds } from './needs.ts';
import { isAlive, procOf } from './processes.ts';
import { checkVariants } from './self-test-variants.ts';
import { Tally } from './self-test-tally.ts';
import { labFolder } from './state.ts';
import { opens } from './probe.ts';

const tally = new Tally();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function checkHost(host: Host): Promise<void> {
  const name = host.name;
  await tally.check(`${name}: root logs in by key`, async () => (await host.ssh('id -un')).stdout === 'root\n');
  await tally.check(`${name}: ops has sudo`, async () => (await host.ssh('sudo -n id -un', { user: 'ops' })).stdout === 'root\n');
  await tally.check(`${name}: plain has none`, async () => (await host.ssh('sudo -n true', { user: 'plain' })).code !== 0);
  await tally.check(`${name}: systemd is running`, async () => (await host.sh('systemctl is-system-running --wait')) === 'running');
  await tally.check(`${name}: rpcbind listens on all addresses`, async () => (await host.sh('ss -Hltn')).includes('0.0.0.0:111'));
  await tally.check(`${name}: rpcbind answers from outside`, () => opens(host.address, 111));
  await tally.check(`${name}: answers on IPv6`, () => opens(host.address6, 22));
  await tally.check(`${name}: reaches nothing outside the lab`, async () => {
    const start = Date.now();
    const done = await host.exec('curl -sS -m 5 http://192.0.2.77/', { timeoutMs: 8000 });
    return done.code !== 0 && Date.now() - start < 4000;
  });
  await tally.check(`${name}: hosts see each other and the gateway by name`, async () => (await host.exec('ping -c1 -W2 lab')).code === 0);
}

async function checkFirewall(host: Host): Promise<void> {
  await host.sh('ufw allow 22/tcp && ufw --force enable');
  await tally.check(`${host.name}: ufw closes 111`, async () => !(await opens(host.address, 111)));
  await tally.check(`${host.name}: ufw keeps ssh`, () => opens(host.address, 22));
  await tally.check(`${host.name}: ufw closes 111 on IPv6 too`, async () => !(await opens(host.address6, 111)));
}

async function checkReboot(host: Host): Promise<void> {
  const before = host.leaderPid;
  const bootId = await host.sh('cat /proc/sys/kernel/random/boot_id');
  await host.sh('echo kept >/root/kept; sysctl -qw vm.swappiness=7; nft add table inet gone');
  await host.reboot();
  await tally.check(`${host.name}: reboot keeps the disk`, async () => (await host.sh('cat /root/kept')) === 'kept');
  await tally.check(
    `${host.name}: reboot is a new boot`,
    async () => host.leaderPid !== before && !(await host.sh('nft list tables')).includes('gone'),
  );
  await tally.check(`${host.name}: reboot has an id of its own`, async () => {
    const now = await host.sh('cat /proc/sys/kernel/random/boot_id');
    return now !== bootId && now !== readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  });
  await tally.check(`${host.name}: ssh by the same host key`, async () => (await host.ssh('true')).code === 0);
  await tally.check(`${host.name}: ufw is on again`, async () => (await host.sh('ufw status')).includes('Status: active'));
  await host.kill();
  await host.start();
  await tally.check(`${host.name}: a pulled plug keeps the disk`, async () => (await host.sh('cat /root/kept')) === 'kept');
  const swappiness = readFileSync('/proc/sys/vm/swappiness', 'utf8').trim();
  await tally.check(`${host.name}: its sysctls stay its own`, async () => swappiness !== '7');
}

async function checkPackages(lab: Lab, host: Host): Promise<void> {
  const install = 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y ufw unattended-upgrades nfs-common';
  await tally.check(`${host.name}: has no ufw`, async () => (await host.exec('command -v ufw')).code !== 0);
  lab.aptDown(true);
  await tally.check(`${host.name}: no packages while the repository is down`, async () => (await host.exec(install)).code !== 0);
  lab.aptDown(false);
  await tally.check(`${host.name}: installs them`, async () => {
    const done = await host.exec(install);
    if (done.code !== 0) say(done.stderr);
    return done.code === 0;
  });
  await tally.check(`${host.name}: nfs-common brought rpcbind`, async () => (await host.sh('ss -Hltn')).includes('0.0.0.0:111'));
  await tally.check(
    `${host.name}: purges them`,
    async () => (await host.exec('DEBIAN_FRONTEND=noninteractive apt-get purge -y ufw nfs-common rpcbind')).code === 0,
  );
}

function remains(lab: Lab, folder: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder));
  const links = readdirSync('/sys/class/net').filter((name) => name.includes(`klab${lab.record.number}`));
  return [...mounts, ...links, ...(existsSync(folder) ? [folder] : [])];
}

async function checkBase(): Promise<void> {
  const lab = await openLab({ image: 'debian-12', say });
  const folder = labFolder(lab.record.number);
  try {
    const [first, second, lean] = await tally.timed('3 hosts up', () =>
      Promise.all([
        lab.boot({ name: 'bookworm', pods: true }),
        lab.boot({ name: 'trixie', image: 'debian-13', pods: true }),
        lab.boot({ name: 'lean', variants: ['lean'] }),
      ]),
    );
    for (const host of [first, second]) {
      await checkHost(host);
      await checkFirewall(host);
      await checkReboot(host);
    }
    await checkPackages(lab, lean);
    const lean13 = await lab.boot({ name: 'lean13', image: 'debian-13', variants: ['lean'] });
    await checkPackages(lab, lean13);
    const supervisors = lab.record.hosts.flatMap((host) => host.supervisor ?? []);
    await tally.timed('everything down', () => lab.close());
    await tally.check('down leaves no process', async () => !supervisors.some(isAlive));
  } finally {
    await lab.close();
  }
  await tally.check('down leaves no mount, interface or folder', async () => remains(lab, folder).length === 0);
  await tally.check('this process is no leftover', async () => isAlive(procOf(process.pid)));
}

const missing = await missingNeeds(say);
if (missing) {
  say(missing);
  process.exit(1);
}
const wanted = process.argv.slice(2);
if (wanted.length === 0 || wanted.includes('base')) await checkBase();
const names = wanted.filter((name) => name !== 'base' && name !== 'variants');
if (wanted.length === 0 || wanted.includes('variants') || names.length > 0) await checkVariants(tally, names, say);
process.exitCode = tally.report();
