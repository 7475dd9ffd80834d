import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInputs } from '../../core/runs.ts';
import { runAudit } from '../../workers/audit.ts';
import { runHarden } from '../../workers/harden.ts';
import { runUndo } from '../../workers/undo.ts';
import { makePlane, type Plane } from '../bootstrap/plane.ts';
import type { Host, HostOptions } from '../lab/hosts.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { seedPerson, type PersonActor } from '../support/record.ts';
import { type Access, carry, enrolByLine, findingsOf } from './host-job.ts';

let lab: Lab;
let plane: Plane;
let owner: PersonActor;
let access: Access;

beforeAll(async () => {
  lab = await openLab({ image: 'debian-12' });
  plane = await makePlane(lab.network.gateway, lab.network.gateway);
  owner = seedPerson(plane.ctx);
  access = { publicKey: lab.login.publicKey, keyFile: lab.login.identity };
});
afterAll(async () => {
  await plane?.close();
  await lab?.close();
});

async function boot(options: HostOptions = {}, before = 'true'): Promise<Host> {
  const host = await lab.boot(options);
  await host.sh(before);
  await enrolByLine(host, access.publicKey, plane, owner);
  return host;
}

const harden = (host: Host, input: object = {}) => carry(host, access, 'harden', (job) => runHarden(job, runInputs.harden.parse(input)));
const undo = (host: Host, input: object = {}) => carry(host, access, 'undo', (job) => runUndo(job, runInputs.undo.parse(input)));

/**
 * Everything that undo promises to give back. Left out: caches and logs, /etc/.pwd.lock and backups that dpkg and ufw leave,
 * counters, and kernel values that count or age by themselves.
 */
const snapshot = `
dpkg-query -W -f '\${db:Status-Abbrev} \${Package} \${Version}\\n'
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | grep -v '^kipper-lab'
for unit in rpcbind.socket rpcbind.service ufw.service ssh.service ssh.socket unattended-upgrades.service kipper-guard.service; do echo "$unit $(systemctl is-active $unit)"; done
find /etc /usr/local /root/.ssh -xdev ! -path '/etc/.pwd.lock' -printf '%y %m %u %g %p %l\\n' | sort
find /etc /usr/local /root/.ssh -xdev -type f ! -path '/etc/.pwd.lock' -exec sha256sum {} + | sort
nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'
sysctl -a 2>/dev/null | grep -E '^(kernel\\.(panic|kptr|dmesg|yama|unpriv|keys)|vm\\.(panic|overcommit)|fs\\.(protected|suid)|net\\.ipv[46]\\.conf\\.(all|default)|net\\.ipv4\\.(tcp_syn|icmp))' | grep -v '\\.stable_secret'
`;

describe.each(['debian-12', 'debian-13'] as const)('a bare host with %s', (image) => {
  let host: Host;
  let before: string;
  beforeAll(async () => {
    host = await boot({ image });
    before = await host.sh(snapshot);
  });
  afterAll(() => host?.down());

  test('an audit finds rpcbind on IPv4 and IPv6 and changes nothing', async () => {
    const done = await carry(host, access, 'audit', runAudit);
    const rpcbind = findingsOf(done).find((each) => each.title.includes('portmapper'));
    expect(rpcbind?.evidence).toContain('0.0.0.0:111');
    expect(rpcbind?.evidence).toContain('[::]:111');
    expect(await host.sh(snapshot)).toBe(before);
  });

  test('--plan shows the plan and its hash and changes nothing; another hash is refused', async () => {
    const shown = await harden(host, { planOnly: true });
    expect(shown.result).toMatchObject({ planOnly: true, changed: 0 });
    await expect(harden(host, { planHash: '0'.repeat(64) })).rejects.toMatchObject({ code: 'conflict', reason: 'plan_changed' });
    expect(await host.sh(snapshot)).toBe(before);
  });

  test('the plan that was shown is the plan that is applied, and nothing is left to fix', async () => {
    const shown = await harden(host, { planOnly: true });
    const done = await harden(host, { planHash: shown.hash });
    expect(done.result.changed).toBe(done.plan?.steps.length);
    expect(findingsOf(done).filter((each) => each.remedy === 'fixable')).toEqual([]);
    expect(await host.sh('systemctl is-enabled rpcbind.socket; systemctl is-enabled rpcbind.service; true')).toBe('masked\nmasked');
    expect(await host.sh('nft list tables')).toContain('inet kipper_guard');
    expect(await host.sh('ufw status')).toContain('Status: active');
  });

  test('a second run has nothing to do', async () => {
    const done = await harden(host);
    expect(done.plan?.steps).toEqual([]);
    expect(done.result.changed).toBe(0);
  });

  test('guard and firewall stand again after a reboot, and still nothing is to be done', async () => {
    await host.reboot();
    expect(await host.sh('nft list tables')).toContain('inet kipper_guard');
    expect((await harden(host)).plan?.steps).toEqual([]);
  });

  test('undo gives back the host as it was', async () => {
    const done = await undo(host);
    expect(done.result.kept).toEqual([]);
    expect(await host.sh(snapshot)).toBe(before);
  });
});

test('a host without ufw and unattended-upgrades gets them, and undo takes them away again', async () => {
  const host = await boot({ variants: ['lean'] });
  const before = await host.sh(snapshot);
  await harden(host);
  expect((await harden(host)).plan?.steps).toEqual([]);
  expect(await host.sh('systemctl is-active rpcbind.socket; true')).not.toBe('active');
  await undo(host);
  expect(await host.sh(snapshot)).toBe(before);
  await host.down();
});

test('a root who has only a password keeps it, and the finding holds the line that helps', async () => {
  const host = await boot({ variants: ['password-root'] });
  const done = await harden(host);
  const kept = findingsOf(done).find((each) => each.title.includes('root has no key'));
  expect(kept?.hint).toContain(`ssh-copy-id -p 22 root@${host.address}`);
  expect(await host.sh('sshd -T -C user=root,host=h,addr=192.0.2.1 | grep -E "^(permitrootlogin|passwordauthentication)"')).toBe(
    'permitrootlogin yes\npasswordauthentication yes',
  );
  await host.down();
});

/** Everything of an owner's sshd that would shut kipper out, at once. */
const narrow = `printf '%s\\n' 'DisableForwarding yes' 'AllowGroups root ops' 'AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys' >/etc/ssh/sshd_config.d/70-site.conf
systemctl reload ssh; sleep 1`;

describe('ways to run sshd', () => {
  test.concurrent.for([
    ['port-2222'],
    ['socket-2222'],
    ['socket-activated'],
    ['allow-users'],
    ['match-block'],
    ['forwarding-off'],
    ['no-include'],
    ['no-ipv6'],
    ['sysctl-conf'],
    ['narrow', narrow],
  ])('%s: enrolled and hardened, nothing to do twice, and every login of before still works', async ([variant = '', before]) => {
    const host = await boot(before === undefined ? { variants: [variant] } : {}, before);
    const done = await harden(host);
    expect(findingsOf(done).filter((each) => each.remedy === 'fixable')).toEqual([]);
    expect((await harden(host)).plan?.steps).toEqual([]);
    expect((await host.ssh('true')).code).toBe(0);
    expect((await host.ssh('true', { user: 'ops' })).code).toBe(0);
    const asked = await host.sh(
      'mkdir -p /run/sshd; sshd -T -C user=kipper,host=h,addr=192.0.2.1 | grep -E "^(allowtcp|disable)forwarding" | sort',
    );
    expect(asked).toBe('allowtcpforwarding local\ndisableforwarding no');
    await host.down();
  });
});

describe('foreign firewalls', () => {
  test.concurrent.for(['ufw-active', 'firewalld-active', 'nft-foreign', 'iptables-drop'])('%s: left alone and named', async (variant) => {
    const host = await boot(
      { variants: [variant] },
      variant === 'firewalld-active' ? 'until firewall-cmd --state; do sleep 0.3; done' : 'true',
    );
    const rules = await host.sh('nft list ruleset | sed "s/counter packets [0-9]* bytes [0-9]*//"');
    const done = await harden(host);
    expect(done.plan?.steps.filter((step) => step.control === 'firewall')).toEqual([]);
    const notice = findingsOf(done).find((each) => each.control === 'firewall' && each.hint.includes('your responsibility'));
    expect(notice?.evidence).toMatch(/these look closed: .*6443/);
    const after = await host.sh('nft list ruleset | sed "s/counter packets [0-9]* bytes [0-9]*//"');
    expect(after.replace(/table inet kipper_guard \{[\s\S]*?\n\}\n?/, '').trim()).toBe(rules.trim());
    await host.down();
  });
});
