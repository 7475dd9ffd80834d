import { expect, it } from 'vitest';
import { difference, hostSnapshot, ourFiles } from '../support/snapshot.ts';
import { latestRun, type World } from '../support/world.ts';
import { type Invited, paste } from './pasted.ts';

/** Rows S9, B1, T68: a host key that is not the pinned one. */
export function changedKeyPart(world: () => World): void {
  it('a changed host key stops the run, names both fingerprints and changes nothing', async () => {
    const { kip, doomed } = world();
    const before = await doomed.sh(ourFiles);
    await doomed.sh(
      `cd /etc/ssh && rm -f ssh_host_*_key* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh`,
    );
    const now = (await doomed.sh('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? '';
    const done = await kip(['server', 'harden', 'doomed']);
    expect(done.code).toBe(9);
    expect(done.stderr).toContain(doomed.hostKey.fingerprint);
    expect(done.stderr).toContain(now);
    expect(await latestRun(world())).toMatchObject({ state: 'failed', fault: { code: 'host_key_changed' } });
    const changed = difference(before, await doomed.sh(ourFiles)).filter((line) => !line.includes('/etc/ssh/ssh_host_'));
    expect(changed).toEqual([]);
  });

  it('invite re-enrols it under the same id, after the person agreed to other host keys', async () => {
    const { kip, doomed } = world();
    const { id } = await kip.json<{ id: string }>(['server', 'show', 'doomed']);
    const refused = await kip.json<Invited>(['server', 'invite', 'doomed']);
    expect((await paste(doomed, refused.enrolment.line)).code).not.toBe(0);
    const invited = await kip.json<Invited>(['server', 'invite', 'doomed', '--replace', '--yes']);
    expect(invited.server.id).toBe(id);
    const done = await paste(doomed, invited.enrolment.line);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(await kip.must(['server', 'audit', 'doomed'])).not.toBe('');
    const now = (await doomed.sh('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1];
    expect(await kip.json(['server', 'show', 'doomed'])).toMatchObject({ id, unreachable: null, hostKeys: [{ fingerprint: now }] });
  });
}

/** Row S8: the way back. */
export function leavingPart(world: () => World): void {
  it('cluster remove takes everything of Kubernetes away', async () => {
    const { kip, main, notes } = world();
    const beganMs = Date.now();
    await kip.must(['cluster', 'remove', 'main', '--yes']);
    notes.set('cluster remove', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    const left = await main.sh(
      `ls -d /var/lib/rancher /etc/rancher /usr/local/bin/k3s /run/k3s 2>/dev/null; iptables-save | grep -E 'KUBE-|CNI-'; ip -o link show | grep -E 'cni0|flannel'; true`,
    );
    expect(left).toBe('');
  });

  it('server undo, then server remove and the command that it prints, leave the host as it was before Kipper', async () => {
    const { kip, main, notes, before } = world();
    const beganMs = Date.now();
    await kip.must(['server', 'undo', 'main', '--yes']);
    notes.set('server undo', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    // The command wants the script on the machine: it is fetched as the download variant of the line says.
    const { enrolment } = await kip.json<Invited>(['server', 'invite', 'main']);
    await main.sh(`cd /root && ${/curl [^;]+/.exec(enrolment.line)?.[0]} >enrol.sh`);
    const removed = await kip.json<{ command: string | null }>(['server', 'remove', 'main', '--yes']);
    expect(removed.command).toContain('--uninstall');
    const done = await main.exec(`cd /root && ${removed.command}`);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(difference(before, await main.sh(hostSnapshot))).toEqual([]);
  });
}
