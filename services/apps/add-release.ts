import { createHash } from 'node:crypto';
import type { AppPlace } from '../../core/app/names.ts';
import { rolloutTimeoutMs } from '../../core/app/plan.ts';
import type { AppSpec } from '../../core/app/spec.ts';
import { canonical } from '../../core/canonical.ts';
import { newId } from '../../core/ids.ts';
import { idOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { releases } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { lastRelease, surroundings } from './find.ts';
import { nodeAddresses } from './place.ts';
import type { AppRow, ReleaseRow } from './view.ts';

/** Inside a transaction: the app's next release with the run that brings it to the cluster. */
export function addRelease(ctx: Context, actor: Actor, app: AppRow, spec: AppSpec): { release: ReleaseRow; run: RunRow } {
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
  const place: AppPlace = {
    app: app.name,
    project: around.project,
    environment: around.environment,
    host: app.host,
    nodeAddresses: nodeAddresses(around.facts, around.address),
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
  writeEvent(ctx, actor, {
    organizationId: app.organizationId,
    name: 'release.requested',
    subject: release.id,
    runId: run.id,
    data: { app: app.name, number: release.number, specSha256: release.specSha256 },
  });
  return { release, run };
}
