import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { Plan } from '../../../core/plan.ts';
import { runInputs } from '../../../core/runs.ts';
import { createCluster } from '../../../services/clusters/create.ts';
import { previewInstall } from '../../../services/clusters/preview.ts';
import { clusters, runs } from '../../../services/db/tables.ts';
import { runInstall } from '../../../workers/install.ts';
import type { Job } from '../../../workers/job.ts';
import { probeOf } from '../../core/hardening/recorded.ts';
import { newContext, seedPerson, seedServer, type TestContext } from '../../support/record.ts';

let ctx: TestContext | undefined;
afterEach(() => {
  ctx?.close();
  ctx = undefined;
});

function withArtefacts(): TestContext {
  const made = newContext();
  const folder = join(made.dir, 'list');
  mkdirSync(folder);
  const entry = (name: string, image?: string) => {
    const file = join(folder, `${name}.tar`);
    writeFileSync(file, name);
    const sha256 = createHash('sha256').update(name).digest('hex');
    const about = { name, version: 'v1.36.3', arch: 'amd64', url: pathToFileURL(file).href, sha256, bytes: name.length };
    return image === undefined ? about : { ...about, image };
  };
  const artefacts = [entry('k3s'), entry('k3s-airgap-images'), entry('traefik-image', 'docker.io/library/traefik:v3.7.13')];
  writeFileSync(join(folder, 'artifacts.json'), JSON.stringify({ artefacts }));
  return (ctx = Object.assign(made, { config: { ...made.config, artifactsFile: join(folder, 'artifacts.json') } }));
}

/** A worker's job on a host that answers the probe with these facts. */
function jobOn(probe: string, address: string, frozen: Plan[]): Job {
  return {
    claim: { plan: null, target: { address } },
    session: async () => ({ probe: async () => probe }),
    api: { plan: async (plan: Plan) => void frozen.push(plan) },
    record: () => undefined,
    note: () => undefined,
  } as unknown as Job;
}

test('the hash that --plan printed is the hash of what the worker does on the same host, and no other is', async () => {
  const it = withArtefacts();
  // The recorded host's clock: another one would refuse the install.
  const facts = probeOf('keys-only').replace(/^ epoch \d+/m, () => ` epoch ${Math.round(Date.now() / 1000)}`);
  const actor = seedPerson(it);
  const address = '203.0.113.2';
  const shown = previewInstall(it, actor, { facts, address, name: 'shop' });
  expect(shown.steps.length).toBeGreaterThan(20);
  expect(it.db.select().from(clusters).all()).toEqual([]);
  expect(it.db.select().from(runs).all()).toEqual([]);
  const server = seedServer(it, actor, { address, facts: JSON.stringify({ arch: 'x86_64' }) });
  const { run } = await createCluster(it, actor, { serverId: server.id, name: 'shop', planHash: shown.hash });
  const input = runInputs.install.parse(JSON.parse(run.input));
  const frozen: Plan[] = [];
  await runInstall(jobOn(facts, address, frozen), { ...input, planOnly: true });
  expect(frozen[0]?.steps.map((step) => step.title)).toEqual(shown.steps);
  const other = jobOn(facts, address, frozen);
  await expect(runInstall(other, { ...input, planOnly: true, planHash: 'f'.repeat(64) })).rejects.toMatchObject({
    reason: 'plan_changed',
    message: expect.stringContaining(shown.hash),
  });
});
