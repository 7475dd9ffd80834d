import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { runInputs } from '../../../core/runs.ts';
import { deployApp } from '../../../services/apps/deploy.ts';
import { findApp } from '../../../services/apps/find.ts';
import { listApps, listReleases } from '../../../services/apps/list.ts';
import { releaseApp } from '../../../services/apps/release.ts';
import { removeApp } from '../../../services/apps/remove.ts';
import { settleDeploy, settleRetire } from '../../../services/apps/settle.ts';
import { apps, clusters, environments, projects, releases, runs } from '../../../services/db/tables.ts';
import { cancelRun } from '../../../services/runs/cancel.ts';
import { claimRun } from '../../../services/runs/claim.ts';
import { retryRun } from '../../../services/runs/retry.ts';
import { removeServer } from '../../../services/servers/remove.ts';
import { seedWorker } from '../../support/runs.ts';
import { newContext, seedPerson, seedServer, type PersonActor, type TestContext } from '../../support/record.ts';

let ctx: TestContext;
let actor: PersonActor;

function seedCluster(of: PersonActor, name = 'one', state: 'requested' | 'installed' = 'installed'): string {
  const server = seedServer(ctx, of, { address: '203.0.113.7' });
  const id = newId('cluster', ctx.now(), ctx.random);
  ctx.db
    .insert(clusters)
    .values({
      id,
      organizationId: of.organizationId,
      serverId: server.id,
      name,
      state,
      domain: '203-0-113-7.sslip.io',
      createdAtMs: ctx.now(),
    })
    .run();
  return id;
}

function seedEnvironment(of: PersonActor, project = 'default', environment = 'production'): void {
  const projectId = newId('project', ctx.now(), ctx.random);
  ctx.db.insert(projects).values({ id: projectId, organizationId: of.organizationId, name: project, createdAtMs: ctx.now() }).run();
  ctx.db
    .insert(environments)
    .values({ id: newId('environment', ctx.now(), ctx.random), projectId, name: environment, createdAtMs: ctx.now() })
    .run();
}

function deployed(input: Parameters<typeof deployApp>[2], by = actor) {
  ctx.clock.nowMs += 1000;
  const made = deployApp(ctx, by, input);
  if ('objects' in made) throw new Error('a plan came back');
  return made;
}

const web = { name: 'web', spec: { image: 'registry.example.com/web:1', port: 3000 } };

beforeEach(() => {
  ctx = newContext();
  actor = seedPerson(ctx);
  seedEnvironment(actor);
});
afterEach(() => ctx.close());

describe('deploying an app', () => {
  it('records app, release and run in one go, and asks for a worker', () => {
    seedCluster(actor);
    const made = deployed(web);
    expect(made.app).toMatchObject({ name: 'web', url: 'https://web-production.203-0-113-7.sslip.io/', certificate: 'self-signed' });
    expect(made.app.curl).toBe(
      'curl -k --resolve web-production.203-0-113-7.sslip.io:443:203.0.113.7 https://web-production.203-0-113-7.sslip.io/',
    );
    expect(made.release).toMatchObject({ number: 1, state: 'requested' });
    expect(ctx.rings.count).toBe(1);
    const run = ctx.db.select().from(runs).where(eq(runs.id, made.run.id)).get();
    expect(runInputs.deploy.parse(JSON.parse(run?.input ?? ''))).toMatchObject({
      place: { nodeAddresses: ['203.0.113.7'] },
      spec: { rateLimit: 100 },
    });
  });

  it('a second time makes the next release of the same app', () => {
    seedCluster(actor);
    deployed(web);
    const again = deployed({ ...web, spec: { ...web.spec, image: 'registry.example.com/web:2' } });
    expect(again.release.number).toBe(2);
    expect(listApps(ctx, actor, { limit: 10 }).items).toHaveLength(1);
  });

  it('a failed deploy is not tried again over a newer release', () => {
    seedCluster(actor);
    const old = deployed(web);
    cancelRun(ctx, actor, old.run.id);
    const next = deployed({ ...web, spec: { ...web.spec, image: 'registry.example.com/web:2' } });
    expect(() => retryRun(ctx, actor, old.run.id)).toThrow(/there is a newer one/);
    cancelRun(ctx, actor, next.run.id);
    expect(retryRun(ctx, actor, next.run.id)).toMatchObject({ state: 'queued', retryOf: next.run.id });
  });

  it('with --plan creates nothing and has a hash that stays', () => {
    seedCluster(actor);
    const before = ctx.db.select().from(releases).all().length;
    const plan = deployApp(ctx, actor, { ...web, plan: true });
    if (!('objects' in plan)) throw new Error('no plan');
    expect(plan.objects.map((object) => object['kind'])).toContain('IngressRoute');
    expect(deployApp(ctx, actor, { ...web, plan: true })).toMatchObject({ hash: plan.hash });
    expect([ctx.db.select().from(releases).all().length, ctx.db.select().from(apps).all().length, ctx.rings.count]).toEqual([before, 0, 0]);
  });

  it('update changes the named fields and keeps the others', () => {
    seedCluster(actor);
    deployed({ ...web, spec: { ...web.spec, rateLimit: 500, env: { A: '1' } } });
    const next = releaseApp(ctx, actor, 'web', { spec: { image: 'registry.example.com/web:9' } });
    if ('objects' in next) throw new Error('a plan came back');
    expect(next.release.spec).toMatchObject({ image: 'registry.example.com/web:9', rateLimit: 500, env: { A: '1' }, port: 3000 });
  });

  it('T71 refuses wrong input before anything is written', () => {
    seedCluster(actor);
    expect(() => deployed({ ...web, name: 'Web;id' })).toThrow(/lower-case/);
    expect(() => deployed({ ...web, spec: { ...web.spec, domain: 'not a host' } })).toThrow(/domain/);
    expect(() => deployed({ ...web, project: 'nowhere' })).toThrow(/no environment/);
    expect([ctx.db.select().from(apps).all(), ctx.db.select().from(runs).all()]).toEqual([[], []]);
  });

  it('names what is missing: no cluster, a cluster that is not ready, more than one', () => {
    expect(() => deployed(web)).toThrow(/no cluster/);
    seedCluster(actor, 'early', 'requested');
    expect(() => deployed(web)).toThrow(/not ready/);
    seedCluster(actor, 'second');
    expect(() => deployed(web)).toThrow(/more than one cluster/);
    expect(deployed({ ...web, cluster: 'second' }).app.cluster).toBe('second');
  });

  it('gives one host name of a cluster to one app', () => {
    seedCluster(actor);
    seedEnvironment(actor, 'shop');
    deployed(web);
    expect(() => deployed({ ...web, project: 'shop' })).toThrow(/taken on this cluster by app web/);
    expect(deployed({ ...web, project: 'shop', spec: { ...web.spec, domain: 'shop.example.com' } }).app.url).toBe(
      'https://shop.example.com/',
    );
  });

  it('T20 hides another organization’s clusters and apps', () => {
    const cluster = seedCluster(actor);
    const made = deployed(web);
    const stranger = seedPerson(ctx);
    seedEnvironment(stranger);
    expect(() => deployed({ ...web, cluster }, stranger)).toThrow(/no such cluster/);
    expect(() => findApp(ctx, stranger, made.app.id)).toThrow(/no such app/);
    expect(() => removeApp(ctx, stranger, made.app.id)).toThrow(/no such app/);
  });
});

describe('a removal', () => {
  it('ends a deploy that waited behind it: nothing is left on the cluster that the record calls removed', () => {
    seedCluster(actor);
    settleDeploy(ctx, deployed(web).run, { outcome: 'succeeded', result: { changed: 9 } });
    const retire = removeApp(ctx, actor, 'web');
    const late = deployed(web).run;
    settleRetire(ctx, retire, { outcome: 'succeeded', result: { changed: 9 } });
    ctx.db.update(runs).set({ state: 'succeeded', settledAtMs: ctx.now() }).where(eq(runs.id, retire.id)).run();
    expect(claimRun(ctx, seedWorker(ctx), late.id)).toBeNull();
    const row = ctx.db.select().from(runs).where(eq(runs.id, late.id)).get();
    expect(row?.state).toBe('failed');
    expect(JSON.parse(row?.fault ?? '')).toMatchObject({ code: 'gone', message: 'app web was removed' });
  });

  it('of a lost server takes its apps along: their names are free for the machine that replaces it', () => {
    const cluster = seedCluster(actor);
    deployed(web);
    ctx.db.update(runs).set({ state: 'failed', settledAtMs: ctx.now() }).run();
    const server = ctx.db.select({ id: clusters.serverId }).from(clusters).where(eq(clusters.id, cluster)).get();
    removeServer(ctx, actor, server?.id ?? '', true);
    expect(listApps(ctx, actor, { limit: 10 }).items).toEqual([]);
    seedCluster(actor, 'two');
    deployed(web);
    expect(findApp(ctx, actor, 'web').removedAtMs).toBeNull();
  });
});

describe('settling', () => {
  it('makes the deployed release available and the one before it superseded', () => {
    seedCluster(actor);
    const first = deployed(web);
    settleDeploy(ctx, first.run, { outcome: 'succeeded', result: { changed: 9, imageDigest: `sha256:${'a'.repeat(64)}` } });
    const second = deployed(web);
    settleDeploy(ctx, second.run, { outcome: 'succeeded', result: { changed: 2 } });
    expect(listReleases(ctx, actor, 'web', { limit: 10 }).items.map((release) => release.state)).toEqual(['superseded', 'available']);
  });

  it('keeps the old release available when the new one fails, with the reason', () => {
    seedCluster(actor);
    settleDeploy(ctx, deployed(web).run, { outcome: 'succeeded', result: { changed: 9 } });
    settleDeploy(ctx, deployed(web).run, {
      outcome: 'failed',
      fault: { code: 'cluster_refused', message: 'no such image', reason: 'image_pull' },
      result: { changed: 0 },
    });
    expect(listReleases(ctx, actor, 'web', { limit: 10 }).items).toMatchObject([
      { state: 'available' },
      { state: 'failed', fault: { reason: 'image_pull' } },
    ]);
  });

  it('removes an app when its objects are gone; its name and host are free again', () => {
    seedCluster(actor);
    deployed(web);
    const run = removeApp(ctx, actor, 'web');
    settleRetire(ctx, run, { outcome: 'failed', result: { changed: 0 } });
    expect(listApps(ctx, actor, { limit: 10 }).items).toHaveLength(1);
    settleRetire(ctx, run, { outcome: 'succeeded', result: { changed: 7 } });
    expect(listApps(ctx, actor, { limit: 10 }).items).toHaveLength(0);
    expect(deployed(web).release.number).toBe(1);
  });
});
