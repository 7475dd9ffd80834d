import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { eq } from 'drizzle-orm';
import { runInputs } from '../../../core/runs.ts';
import { createCluster } from '../../../services/clusters/create.ts';
import { listClusters } from '../../../services/clusters/list.ts';
import { removeCluster } from '../../../services/clusters/remove.ts';
import { settleInstall, settleUninstall } from '../../../services/clusters/settle.ts';
import { clusters, events, runs } from '../../../services/db/tables.ts';
import { newContext, seedPerson, seedServer, type TestContext } from '../../support/record.ts';

let ctx: TestContext | undefined;
afterEach(() => {
  ctx?.close();
  ctx = undefined;
});

function ready(wrongDigest = false): TestContext {
  const made = newContext();
  const folder = join(made.dir, 'list');
  mkdirSync(folder);
  const entry = (name: string, image?: string) => {
    const file = join(folder, `${name}.tar`);
    writeFileSync(file, name);
    const sha256 = wrongDigest ? 'f'.repeat(64) : createHash('sha256').update(name).digest('hex');
    return {
      name,
      version: 'v1.36.3',
      arch: 'amd64',
      url: pathToFileURL(file).href,
      sha256,
      bytes: name.length,
      ...(image === undefined ? {} : { image }),
    };
  };
  const list = join(folder, 'artifacts.json');
  writeFileSync(
    list,
    JSON.stringify({ artefacts: [entry('k3s'), entry('k3s-airgap-images'), entry('traefik-image', 'docker.io/library/traefik:v3.7.13')] }),
  );
  ctx = Object.assign(made, { config: { ...made.config, artifactsFile: list } });
  return ctx;
}

const facts = JSON.stringify({ arch: 'x86_64' });

test('a cluster is one row, one run, one ring; its domain comes of the address and its artefacts lie in the store', async () => {
  const it = ready();
  const actor = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  const { cluster, run } = await createCluster(it, actor, { serverId: server.name, name: 'shop' });
  expect(cluster).toMatchObject({ state: 'requested', domain: '203-0-113-7.sslip.io' });
  expect(cluster.notice).toContain('self-signed');
  expect(cluster.curl).toContain('curl -k --resolve');
  expect(runInputs.install.parse(JSON.parse(run.input))).toMatchObject({
    clusterId: cluster.id,
    tlsSans: ['203.0.113.7'],
    artefacts: [{ name: 'k3s' }, { name: 'k3s-airgap-images', file: 'k3s-airgap-images.tar' }, { name: 'traefik-image' }],
  });
  expect(it.rings.count).toBe(1);
  await expect(createCluster(it, actor, { serverId: server.id, name: 'shop' })).rejects.toMatchObject({ code: 'in_flight' });
  await expect(createCluster(it, actor, { serverId: server.id, name: 'other' })).rejects.toMatchObject({ code: 'conflict' });
});

test('T36 another organization sees neither the server nor the cluster', async () => {
  const it = ready();
  const actor = seedPerson(it);
  const stranger = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  await expect(createCluster(it, stranger, { serverId: server.id, name: 'shop' })).rejects.toMatchObject({ code: 'not_found' });
  const { cluster } = await createCluster(it, actor, { serverId: server.id, name: 'shop' });
  expect(listClusters(it, stranger, { limit: 50 }).items).toEqual([]);
  expect(() => removeCluster(it, stranger, cluster.id, { name: 'shop' })).toThrow(/no such cluster/);
});

test('an artefact with another digest stops it before anything is written', async () => {
  const it = ready(true);
  const actor = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  await expect(createCluster(it, actor, { serverId: server.id, name: 'shop' })).rejects.toMatchObject({ reason: 'artefact_differs' });
  expect([it.db.select().from(clusters).all(), it.db.select().from(runs).all()]).toEqual([[], []]);
});

test('removing asks for the name and an owner; the settled run takes the row away', async () => {
  const it = ready();
  const actor = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  const { cluster, run } = await createCluster(it, actor, { serverId: server.id, name: 'shop' });
  settleInstall(it, run, { outcome: 'succeeded', result: { changed: 9, clusterVersion: 'v1.36.3' } });
  expect(listClusters(it, actor, { limit: 50 }).items[0]).toMatchObject({ state: 'installed', version: 'v1.36.3' });
  expect(() => removeCluster(it, actor, 'shop', { name: 'shopp' })).toThrow(/type the cluster's name/);
  expect(() => removeCluster(it, { ...actor, role: 'member' }, 'shop', { name: 'shop' })).toThrow(/only an owner/);
  const gone = removeCluster(it, actor, 'shop', { name: 'shop' });
  settleUninstall(it, gone, { outcome: 'failed', result: { changed: 0 } });
  expect(listClusters(it, actor, { limit: 50 }).items).toHaveLength(1);
  settleUninstall(it, gone, { outcome: 'succeeded', result: { changed: 3 } });
  expect(listClusters(it, actor, { limit: 50 }).items).toEqual([]);
  expect(
    it.db
      .select()
      .from(events)
      .where(eq(events.subject, cluster.id))
      .all()
      .map((event) => event.name)
      .sort(),
  ).toEqual(['cluster.installed', 'cluster.removal_requested', 'cluster.removed', 'cluster.requested']);
});

test('a plan alone leaves no cluster behind', async () => {
  const it = ready();
  const actor = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  const { run } = await createCluster(it, actor, { serverId: server.id, name: 'shop', planOnly: true });
  settleInstall(it, run, { outcome: 'succeeded', result: { changed: 0, planOnly: true } });
  expect(listClusters(it, actor, { limit: 50 }).items).toEqual([]);
});

test('the same wish with another domain, after an install that failed, is installed with that domain', async () => {
  const it = ready();
  const actor = seedPerson(it);
  const server = seedServer(it, actor, { address: '203.0.113.7', facts });
  const first = await createCluster(it, actor, { serverId: server.id, name: 'shop', domain: 'typo.example.com' });
  it.db.update(runs).set({ state: 'failed', settledAtMs: it.now() }).where(eq(runs.id, first.run.id)).run();
  const second = await createCluster(it, actor, { serverId: server.id, name: 'shop', domain: 'right.example.com' });
  expect(second.cluster).toMatchObject({ id: first.cluster.id, domain: 'right.example.com' });
  expect(JSON.parse(second.run.input)).toMatchObject({ domain: 'right.example.com' });
});
