import type { AppPlace } from '../../core/app/names.ts';
import { appSpec } from '../../core/app/spec.ts';
import { Fault } from '../../core/fault.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { findApp, lastRelease, surroundings } from './find.ts';
import { nodeAddresses } from './place.ts';

/** Queues the removal of the app's objects; its releases stay in the record. The app is removed when the run has succeeded. */
export function removeApp(ctx: Context, actor: Actor, idOrName: string): RunRow {
  const app = findApp(ctx, actor, idOrName);
  if (app.state === 'removed') throw new Fault('gone', { message: `app ${app.name} was removed already` });
  const last = lastRelease(ctx, app);
  if (last === undefined) throw new Fault('internal', 'an app stands without a release');
  const around = surroundings(ctx, app);
  const place: AppPlace = {
    app: app.name,
    project: around.project,
    environment: around.environment,
    host: app.host,
    nodeAddresses: nodeAddresses(around.facts, around.address),
    releaseId: last.id,
  };
  const run = atomically(ctx.db, () =>
    queueRun(ctx, actor, {
      organizationId: app.organizationId,
      kind: 'retire',
      serverId: around.serverId,
      clusterId: app.clusterId,
      appId: app.id,
      input: { appId: app.id, place, spec: appSpec.parse(JSON.parse(last.spec)) },
      timeoutMs: 300_000,
    }),
  );
  ctx.ring();
  return run;
}
