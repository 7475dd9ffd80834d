import { and, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { cspAdvice } from '../../core/app/csp.ts';
import { defaultHost } from '../../core/app/names.ts';
import { appSpec } from '../../core/app/spec.ts';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { appName, domainName, namespaceOf } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { permit, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { apps, namespaces } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';
import { addRelease } from './add-release.ts';
import { showApp } from './find.ts';
import { moveHost, refuseTakenHost } from './host.ts';
import { findCluster, findEnvironment, type ClusterRow } from './place.ts';
import { previewRelease, type ReleasePlan } from './preview.ts';
import { viewRelease, type AppRow, type AppView, type ReleaseView } from './view.ts';

export const deployInput = z
  .strictObject({
    name: appName,
    project: z.string().max(64).default('default'),
    environment: z.string().max(64).default('production'),
    cluster: z.string().max(64).nullable().default(null),
    spec: appSpec,
    /** Answer with what would be applied, and create nothing. */
    plan: z.boolean().default(false),
  })
  .meta({ id: 'AppWish' });

export interface Deployed {
  app: AppView;
  release: ReleaseView;
  run: RunRow;
  /** What a person may want to know although nothing is wrong. */
  advice: string[];
}

type EnvironmentPlace = ReturnType<typeof findEnvironment>;

/** Makes the app or, where it stands, its next release; queues the run that brings it to the cluster. */
export function deployApp(ctx: Context, actor: Actor, input: z.input<typeof deployInput>): Deployed | ReleasePlan {
  const wish = parsed(deployInput, input);
  const environment = findEnvironment(ctx, actor, wish.project, wish.environment);
  const cluster = findCluster(ctx, actor, wish.cluster);
  const standing = ctx.db
    .select()
    .from(apps)
    .where(and(eq(apps.environmentId, environment.id), eq(apps.clusterId, cluster.id), eq(apps.name, wish.name), isNull(apps.removedAtMs)))
    .get();
  const host = hostOf(wish.spec.domain ?? defaultHost(wish.name, environment.environment, cluster.domain));
  if (wish.plan) {
    return previewRelease(
      ctx,
      cluster,
      { app: wish.name, project: environment.project, environment: environment.environment, host },
      wish.spec,
    );
  }
  const made = atomically(ctx.db, () => {
    const app =
      standing === undefined
        ? createApp(ctx, actor, wish.name, environment, cluster, host)
        : moveHost(ctx, permit(actor, standing, 'app'), host);
    return { app, ...addRelease(ctx, actor, app, wish.spec) };
  });
  ctx.ring();
  return { app: showApp(ctx, made.app), release: viewRelease(made.release), run: made.run, advice: cspAdvice(wish.spec.cspAllow) };
}

/** A label of more than 63 characters is no DNS name (RFC 1035): better said now than by a route that never answers. */
function hostOf(host: string): string {
  if (!domainName.safeParse(host).success || host.split('.').some((label) => label.length > 63)) {
    throw new Fault('invalid_input', {
      message: `${host} is no valid host name`,
      field: '/name',
      hint: 'use a shorter app name, or name a host with --domain',
    });
  }
  return host;
}

function createApp(ctx: Context, actor: Actor, name: string, environment: EnvironmentPlace, cluster: ClusterRow, host: string): AppRow {
  refuseTakenHost(ctx, cluster.id, host, null);
  claimNamespace(ctx, cluster, environment);
  const nowMs = ctx.now();
  const row = ctx.db
    .insert(apps)
    .values({
      id: newId('app', nowMs, ctx.random),
      organizationId: environment.organizationId,
      environmentId: environment.id,
      clusterId: cluster.id,
      name,
      host,
      state: 'deployed',
      createdAtMs: nowMs,
    })
    .returning()
    .get();
  writeEvent(ctx, actor, { organizationId: row.organizationId, name: 'app.created', subject: row.id, data: { name, host } });
  return row;
}

/** (cluster, namespace) belongs to one environment and never changes hands. */
function claimNamespace(ctx: Context, cluster: ClusterRow, environment: EnvironmentPlace): void {
  const namespace = namespaceOf(environment.project, environment.environment);
  const owner = ctx.db
    .select()
    .from(namespaces)
    .where(and(eq(namespaces.clusterId, cluster.id), eq(namespaces.namespace, namespace)))
    .get();
  if (owner === undefined) {
    ctx.db.insert(namespaces).values({ clusterId: cluster.id, namespace, environmentId: environment.id }).run();
  } else if (owner.environmentId !== environment.id) {
    throw new Fault('conflict', {
      message: `namespace ${namespace} of this cluster belongs to another environment`,
      hint: 'use another project or environment name',
    });
  }
}
