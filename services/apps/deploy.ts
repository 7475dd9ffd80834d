import { and, eq, isNull } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { cspAdvice } from '../../core/app/csp.ts';
import { defaultHost, type AppPlace } from '../../core/app/names.ts';
import { planRelease, rolloutTimeoutMs } from '../../core/app/plan.ts';
import { appSpec, type AppSpec } from '../../core/app/spec.ts';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { appName } from '../../core/names.ts';
import { planText } from '../../core/plan.ts';
import { idOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { apps, namespaces, releases, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { lastRelease, showApp, surroundings } from './find.ts';
import { findCluster, findEnvironment, namespaceName, nodeAddresses, type ClusterRow } from './place.ts';
import { viewRelease, type AppRow, type AppView, type ReleaseRow, type ReleaseView } from './view.ts';

export const deployInput = z.strictObject({
  name: appName,
  project: z.string().max(64).default('default'),
  environment: z.string().max(64).default('production'),
  cluster: z.string().max(64).nullable().default(null),
  spec: appSpec,
  /** Answer with what would be applied, and create nothing. */
  plan: z.boolean().default(false),
});

/** A change of the last release: what is left out stays as it is. */
export const releaseInput = z.strictObject({ spec: appSpec.partial(), plan: z.boolean().default(false) });

export interface Deployed {
  app: AppView;
  release: ReleaseView;
  run: RunRow;
  advice: string[];
}

export interface DeployPlan {
  hash: string;
  steps: string[];
  objects: unknown[];
  advice: string[];
}

/** Makes the app or, where it stands, its next release; queues the run that brings it to the cluster. */
export function deployApp(ctx: Context, actor: Actor, input: z.output<typeof deployInput>): Deployed | DeployPlan {
  const environment = findEnvironment(ctx, actor, input.project, input.environment);
  const cluster = findCluster(ctx, actor, input.cluster);
  const standing = ctx.db
    .select()
    .from(apps)
    .where(and(eq(apps.environmentId, environment.id), eq(apps.clusterId, cluster.id), eq(apps.name, input.name), isNull(apps.removedAtMs)))
    .get();
  const host = input.spec.domain ?? defaultHost(input.name, environment.environment, cluster.domain);
  if (input.plan) return describe(ctx, cluster, { app: input.name, project: environment.project, environment: environment.environment, host }, input.spec);
  const made = atomically(ctx.db, () => {
    const app = standing === undefined ? createApp(ctx, actor, { name: input.name, environment, cluster, host }) : moveHost(ctx, permit(actor, standing, 'app'), host);
    return { app, ...addRelease(ctx, actor, app, input.spec) };
  });
  ctx.ring();
  return { app: showApp(ctx, made.app), release: viewRelease(made.release), run: made.run, advice: cspAdvice(input.spec.cspAllow) };
}

/** The next release of a standing app: its last spec with the given fields changed. */
export function releaseApp(ctx: Context, actor: Actor, app: Permitted<AppRow>, input: z.output<typeof releaseInput>): Deployed | DeployPlan {
  if (app.state === 'removed') throw new Fault('gone', { message: `app ${app.name} was removed`, hint: `deploy it anew with kip app deploy --name ${app.name}` });
  const last = lastRelease(ctx, app);
  const given = Object.fromEntries(Object.entries(input.spec).filter(([, value]) => value !== undefined));
  const spec = appSpec.parse({ ...(last === undefined ? {} : (JSON.parse(last.spec) as object)), ...given });
  const around = surroundings(ctx, app);
  const host = spec.domain ?? defaultHost(app.name, around.environment, around.cluster.domain);
  if (input.plan) return describe(ctx, around.cluster, { app: app.name, project: around.project, environment: around.environment, host }, spec);
  const made = atomically(ctx.db, () => {
    const moved = moveHost(ctx, app, host);
    return { app: moved, ...addRelease(ctx, actor, moved, spec) };
  });
  ctx.ring();
  return { app: showApp(ctx, made.app), release: viewRelease(made.release), run: made.run, advice: cspAdvice(spec.cspAllow) };
}

function createApp(ctx: Context, actor: Actor, parts: { name: string; environment: { id: string; organizationId: string; project: string; environment: string }; cluster: ClusterRow; host: string }): AppRow {
  const { environment, cluster } = parts;
  refuseTakenHost(ctx, cluster, parts.host, null);
  const namespace = namespaceName(environment);
  const owner = ctx.db.select().from(namespaces).where(and(eq(namespaces.clusterId, cluster.id), eq(namespaces.namespace, namespace))).get();
  if (owner !== undefined && owner.environmentId !== environment.id) {
    throw new Fault('conflict', { message: `namespace ${namespace} of this cluster belongs to another environment`, hint: 'use another project or environment name' });
  }
  if (owner === undefined) ctx.db.insert(namespaces).values({ clusterId: cluster.id, namespace, environmentId: environment.id }).run();
  const nowMs = ctx.now();
  const row = ctx.db
    .insert(apps)
    .values({ id: newId('app', nowMs, ctx.random), organizationId: environment.organizationId, environmentId: environment.id, clusterId: cluster.id, name: parts.name, host: parts.host, state: 'deployed', createdAtMs: nowMs })
    .returning()
    .get();
  writeEvent(ctx, actor, { organizationId: row.organizationId, name: 'app.created', subject: row.id, data: { name: row.name, host: row.host } });
  return row;
}

function moveHost(ctx: Context, app: Permitted<AppRow>, host: string): AppRow {
  if (app.host === host) return app;
  refuseTakenHost(ctx, { id: app.clusterId }, host, app.id);
  return ctx.db.update(apps).set({ host }).where(eq(apps.id, app.id)).returning().get();
}

function refuseTakenHost(ctx: Context, cluster: { id: string }, host: string, self: string | null): void {
  const taken = ctx.db.select({ id: apps.id, name: apps.name }).from(apps).where(and(eq(apps.clusterId, cluster.id), eq(apps.host, host), isNull(apps.removedAtMs))).get();
  if (taken === undefined || taken.id === self) return;
  throw new Fault('conflict', { message: `the name ${host} is taken on this cluster by app ${taken.name}`, field: 'domain', hint: 'give this app a name of its own with --domain' });
}

function addRelease(ctx: Context, actor: Actor, app: AppRow, spec: AppSpec): { release: ReleaseRow; run: RunRow } {
  const nowMs = ctx.now();
  const text = canonical(spec);
  const release = ctx.db
    .insert(releases)
    .values({
      id: newId('release', nowMs, ctx.random),
      appId: app.id,
      number: (lastRelease(ctx, app)?.number ?? 0) + 1,
      spec: text,
      specSha256: createHash('sha256').update(text).digest('hex'),
      state: 'requested',
      createdBy: idOf(actor),
      createdAtMs: nowMs,
    })
    .returning()
    .get();
  const around = surroundings(ctx, app);
  const server = ctx.db.select().from(servers).where(eq(servers.id, around.serverId)).get();
  const place: AppPlace = {
    app: app.name,
    project: around.project,
    environment: around.environment,
    host: app.host,
    nodeAddresses: nodeAddresses(server?.facts ?? null, around.address),
    releaseId: release.id,
  };
  const run = queueRun(ctx, actor, {
    organizationId: app.organizationId,
    kind: 'deploy',
    serverId: around.serverId,
    clusterId: app.clusterId,
    appId: app.id,
    releaseId: release.id,
    input: { appId: app.id, releaseId: release.id, place, spec },
    timeoutMs: rolloutTimeoutMs + 120_000,
  });
  writeEvent(ctx, actor, { organizationId: app.organizationId, name: 'release.requested', subject: release.id, runId: run.id, data: { app: app.name, number: release.number, specSha256: release.specSha256 } });
  return { release, run };
}

function describe(ctx: Context, cluster: ClusterRow, names: Omit<AppPlace, 'nodeAddresses' | 'releaseId'>, spec: AppSpec): DeployPlan {
  const server = ctx.db.select().from(servers).where(eq(servers.id, cluster.serverId)).get();
  const place: AppPlace = { ...names, nodeAddresses: nodeAddresses(server?.facts ?? null, server?.address ?? null), releaseId: `rel_${'0'.repeat(26)}` };
  const plan = planRelease(place, spec);
  return {
    hash: createHash('sha256').update(planText(plan)).digest('hex'),
    steps: plan.steps.map((step) => step.title),
    objects: plan.steps.flatMap((step) => (step.kind === 'manifest' && step.verb === 'apply' ? [step.object] : [])),
    advice: cspAdvice(spec.cspAllow),
  };
}
