import { expect, it } from 'vitest';
import { hostSnapshot } from '../support/snapshot.ts';
import { installFlags, latestRun, type World } from '../support/world.ts';

interface Shown {
  state: string;
  unreachable: unknown;
  hostKeys: { fingerprint: string }[];
  findings: { control: string; title: string; severity: string; hint: string }[];
}

/** Rows S2–S6, S8, T13: first contact over the person's own ssh, audit, hardening and k3s in one command. */
export function installPart(world: () => World): void {
  it('a wrong --host-key is refused with both fingerprints, and nothing is created here or there', async () => {
    const { kip, main } = world();
    world().before = await main.sh(hostSnapshot);
    const wrong = `SHA256:${'A'.repeat(43)}`;
    const done = await kip(installFlags(world(), main, wrong));
    expect(done.code).not.toBe(0);
    expect(done.stderr).toContain(wrong);
    expect(done.stderr).toContain(main.hostKey.fingerprint);
    expect((await kip.json<{ items: unknown[] }>(['server', 'ls'])).items).toEqual([]);
    expect(await main.sh(hostSnapshot)).toBe(world().before);
  });

  it('install --plan prints the steps and a hash and creates nothing here or there', async () => {
    const { kip, main } = world();
    const plan = await kip.json<{ hash: string; steps: string[] }>([...installFlags(world(), main), '--plan']);
    expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(plan.steps.length).toBeGreaterThan(10);
    expect((await kip.json<{ items: unknown[] }>(['server', 'ls'])).items).toEqual([]);
    expect(await main.sh(hostSnapshot)).toBe(world().before);
  });

  it('kip install turns a bare server into a cluster over the person’s own ssh', async () => {
    const { kip, main, notes } = world();
    const beganMs = Date.now();
    const said = await kip.must(installFlags(world(), main));
    notes.set('install', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    expect(said).toContain('Next: kip app deploy');
    const run = await latestRun(world());
    expect(run).toMatchObject({ kind: 'install', state: 'succeeded', attempts: 1 });
    const slow = (run.steps ?? []).toSorted((a, b) => (b.durationMs ?? 0) - (a.durationMs ?? 0)).slice(0, 8);
    notes.set('slowest steps of install', slow.map((step) => `${step.title} ${((step.durationMs ?? 0) / 1000).toFixed(1)} s`).join('; '));
  });

  it('server show tells its pinned host key and what is left to the owner, each with a next step', async () => {
    const { kip, main } = world();
    const shown = await kip.json<Shown>(['server', 'show', 'main']);
    expect(shown).toMatchObject({ state: 'enrolled', unreachable: null });
    expect(shown.hostKeys.map((key) => key.fingerprint)).toContain(main.hostKey.fingerprint);
    expect(shown.findings.filter((finding) => finding.hint === '')).toEqual([]);
    expect(shown.findings.map((finding) => finding.title).join('\n')).not.toMatch(/portmapper/);
  });
}

/** Rows S7, S9: idempotence and the plan as a contract. */
export function secondPart(world: () => World): void {
  it('cluster harden a second time changes nothing, and says so', async () => {
    expect(await world().kip.must(['cluster', 'harden'])).toContain('0 changes');
  });

  it('--plan then prints that there is nothing to change, and the hash of that', async () => {
    const said = await world().kip.must(['cluster', 'harden', '--plan']);
    expect(said).toContain('nothing to change');
    expect(said).toMatch(/plan hash {2}[0-9a-f]{64}/);
  });

  it('another --plan-hash is refused, naming the difference, and changes nothing', async () => {
    const done = await world().kip(['cluster', 'harden', '--plan-hash', '0'.repeat(64)]);
    expect(done.code).toBe(9);
    expect(done.stderr).toMatch(/plan/i);
    const run = await latestRun(world());
    expect(run).toMatchObject({ state: 'failed', fault: { code: 'conflict', reason: 'plan_changed' } });
    expect((run.steps ?? []).filter((step) => step.state === 'changed')).toEqual([]);
  });
}
