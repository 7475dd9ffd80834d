import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostKeys, servers } from '../../services/db/tables.ts';
import { inviteAgain } from '../../services/servers/invite-again.ts';
import { inviteServer } from '../../services/servers/invite.ts';
import { makePlane, type Plane } from '../bootstrap/plane.ts';
import type { Host } from '../lab/hosts.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { seedPerson, type PersonActor } from '../support/record.ts';

let lab: Lab;
let plane: Plane;
let owner: PersonActor;

beforeAll(async () => {
  lab = await openLab({ image: 'debian-12' });
  plane = await makePlane(lab.network.gateway, lab.network.gateway);
  owner = seedPerson(plane.ctx);
});
afterAll(async () => {
  await plane?.close();
  await lab?.close();
});

const withoutSudo = (line: string) => line.replace('| sudo sh', '| sh');

let counter = 0;

const snapshot = `
getent passwd; getent group
find /etc /home /root/.ssh /var/lib -xdev -maxdepth 4 ! -path '/etc/.pwd.lock' ! -name '*-' ! -path '/var/lib/systemd/*' ! -path '/etc/cni*' -printf '%y %m %u %g %p %l\\n' | sort
find /etc -xdev -type f ! -path '/etc/.pwd.lock' ! -name '*-' -exec sha256sum {} + | sort
mkdir -p /run/sshd; sshd -T | sort`;

function invite() {
  counter += 1;
  return inviteServer(plane.ctx, owner, { name: `server-${counter}` });
}

describe.each([[[]], [['busybox-sh']], [['allow-users']], [['forwarding-off']], [['port-2222']], [['socket-activated']]] as [string[]][])(
  'a Debian host with variants %j',
  (variants) => {
    let host: Host;
    let before: string;
    let serverId: string;
    beforeAll(async () => {
      host = await lab.boot({ variants });
      before = await host.sh(snapshot);
    });
    afterAll(() => host?.down());

    test('--dry-run changes nothing', async () => {
      const { enrolment } = invite();
      const done = await host.exec(`${withoutSudo(enrolment.line ?? '')} -s -- --dry-run`);
      expect(done).toMatchObject({ code: 0 });
      expect(done.stdout).toContain('would create the user kipper');
      expect(await host.sh(snapshot)).toBe(before);
    });

    test('the pasted line enrols it, and our key logs in, becomes root and reaches local ports only', async () => {
      const { server, enrolment } = invite();
      serverId = server.id;
      const done = await host.exec(enrolment.line ?? '');
      expect(done, done.stderr).toMatchObject({ code: 0 });
      const row = plane.ctx.db.select().from(servers).where(eq(servers.id, server.id)).get();
      expect(row).toMatchObject({ state: 'enrolled', address: host.address, port: host.port });
      const pinned = plane.ctx.db.select().from(hostKeys).where(eq(hostKeys.serverId, server.id)).all();
      expect(pinned.map((key) => key.fingerprint)).toContain(host.hostKey.fingerprint);
      const own = await host.sh(
        'cat /home/kipper/.ssh/authorized_keys; stat -c "%a %U" /home/kipper /home/kipper/.ssh /home/kipper/.ssh/authorized_keys /etc/sudoers.d/kipper',
      );
      expect(own).toMatch(
        /^restrict,port-forwarding,permitopen="127\.0\.0\.1:6443" ssh-ed25519 [\s\S]*\n700 kipper\n700 kipper\n600 kipper\n440 root$/,
      );
      // The lab's key takes the place of ours for one login: the private half of ours never leaves the vault.
      await host.sh(`sed -i 's|ssh-ed25519 .*|${lab.login.publicKey}|' /home/kipper/.ssh/authorized_keys`);
      expect(await host.ssh('sudo -n id -u', { user: 'kipper' })).toMatchObject({ code: 0, stdout: '0\n' });
      expect(await host.sh('sshd -T -C user=kipper,host=h,addr=192.0.2.1 | grep allowtcpforwarding')).toBe('allowtcpforwarding local');
      expect(await host.sh('sshd -T -C user=root,host=h,addr=192.0.2.1 | sort')).toBe((await host.sh('sshd -T | sort')).toString());
    });

    test('a second line puts our key back and changes nothing else; a third changes nothing', async () => {
      const second = inviteAgain(plane.ctx, owner, serverId, {}).enrolment;
      expect((await host.exec(second.line ?? '')).stderr).toContain('done, 1 change(s)');
      const standing = await host.sh(snapshot);
      const third = inviteAgain(plane.ctx, owner, serverId, {}).enrolment;
      expect((await host.exec(third.line ?? '')).stderr).toContain('done, 0 change(s)');
      expect(await host.sh(snapshot)).toBe(standing);
    });

    test('--uninstall leaves the host as it was', async () => {
      const again = inviteAgain(plane.ctx, owner, serverId, {}).enrolment;
      const done = await host.exec(`${withoutSudo(again.line ?? '')} -s -- --uninstall`);
      expect(done, done.stderr).toMatchObject({ code: 0 });
      expect(await host.sh(snapshot)).toBe(before);
    });
  },
);

test.each([
  ['no-sudo', 15],
  ['full-disk', 17],
  ['readonly-root', 16],
] as const)('a host with variant %s is refused with exit %i and left as it was', async (variant, code) => {
  const host = await lab.boot({ variants: [variant] });
  const before = await host.sh(snapshot);
  const { enrolment } = invite();
  expect(await host.exec(withoutSudo(enrolment.line ?? ''))).toMatchObject({ code });
  expect(await host.sh(snapshot)).toBe(before);
  await host.down();
});
