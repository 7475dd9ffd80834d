import { and, asc, eq, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { leaseMs, type Claim, type Target } from '../../core/runs.ts';
import type { Plan } from '../../core/plan.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { apps, clusters, hostKeys, runs, serverKeys, servers, steps, workers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';
import { wakeWatchers, writeFeed } from './feed.ts';
import { finishRun } from './finish.ts';
import { issueToken } from './token.ts';

type WorkerRow = typeof workers.$inferSelect;

/** Gives a queued run to a worker, once. Null means: not now, or not any more. */
export function claimRun(ctx: Context, worker: WorkerRow, runId: string): Claim | null {
  const claim = atomically(ctx.db, () => {
    ctx.db.update(workers).set({ lastSeenAtMs: ctx.now() }).where(eq(workers.id, worker.id)).run();
    const run = ctx.db
      .select()
      .from(runs)
      .where(and(eq(runs.id, runId), eq(runs.state, 'queued')))
      .get();
    if (run === undefined) return null;
    if (isBusy(ctx, run)) {
      ctx.db.update(runs).set({ rungAtMs: null }).where(eq(runs.id, run.id)).run();
      return null;
    }
    return take(ctx, worker, run);
  });
  wakeWatchers(runId);
  return claim;
}

function isBusy(ctx: Context, run: RunRow): boolean {
  return (
    ctx.db
      .select({ id: runs.id })
      .from(runs)
      .where(and(eq(runs.serverId, run.serverId), eq(runs.state, 'running')))
      .get() !== undefined
  );
}

function take(ctx: Context, worker: WorkerRow, run: RunRow): Claim | null {
  const target = goneOf(ctx, run) ?? targetOf(ctx, run.serverId);
  if (target instanceof Fault) {
    finishRun(ctx, { kind: 'system', job: 'claim' }, run, { outcome: 'failed', fault: target.view(), result: { changed: 0 } });
    return null;
  }
  const nowMs = ctx.now();
  const server = ctx.db.select({ fence: servers.fence }).from(servers).where(eq(servers.id, run.serverId)).get();
  const fence = (server?.fence ?? 0) + 1;
  ctx.db.update(servers).set({ fence }).where(eq(servers.id, run.serverId)).run();
  const startedAtMs = run.startedAtMs ?? nowMs;
  ctx.db
    .update(runs)
    .set({
      state: 'running',
      fence,
      workerId: worker.id,
      attempts: run.attempts + 1,
      startedAtMs,
      leaseUntilMs: nowMs + leaseMs,
      lastSeq: 0,
      signatures: 0,
      rungAtMs: null,
    })
    .where(eq(runs.id, run.id))
    .run();
  const actor = { kind: 'worker', workerId: worker.id, runId: run.id, organizationId: run.organizationId } as const;
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: 'run.claimed',
    subject: run.id,
    runId: run.id,
    data: { fence, attempt: run.attempts + 1 },
  });
  writeFeed(ctx, run.id, [{ type: 'state', state: 'running' }]);
  return {
    runId: run.id,
    kind: run.kind,
    fence,
    token: issueToken(ctx, { runId: run.id, fence, workerId: worker.id }),
    target,
    input: JSON.parse(run.input) as unknown,
    plan: frozenPlan(ctx, run),
    timeoutMs: Math.min(run.timeoutMs, Math.max(1_000, startedAtMs + run.timeoutMs - nowMs)),
  };
}

function frozenPlan(ctx: Context, run: RunRow): Claim['plan'] {
  if (run.plan === null || run.planHash === null) return null;
  const states = ctx.db.select({ state: steps.state }).from(steps).where(eq(steps.runId, run.id)).orderBy(asc(steps.position)).all();
  return { plan: JSON.parse(run.plan) as Plan, hash: run.planHash, states: states.map((row) => row.state) };
}

/** What a run is about may have been removed while it waited: an old deploy or uninstall would then meet what came after. */
function goneOf(ctx: Context, run: RunRow): Fault | null {
  const app =
    run.appId === null
      ? undefined
      : ctx.db.select({ name: apps.name, removedAtMs: apps.removedAtMs }).from(apps).where(eq(apps.id, run.appId)).get();
  if (app !== undefined && app.removedAtMs !== null)
    return new Fault('gone', { message: `app ${app.name} was removed`, hint: `deploy it anew with kip app deploy --name ${app.name}` });
  const cluster =
    run.clusterId === null
      ? undefined
      : ctx.db
          .select({ name: clusters.name, removedAtMs: clusters.removedAtMs })
          .from(clusters)
          .where(eq(clusters.id, run.clusterId))
          .get();
  if (cluster !== undefined && cluster.removedAtMs !== null)
    return new Fault('gone', { message: `cluster ${cluster.name} was removed`, hint: 'see what stands with kip cluster ls' });
  return null;
}

function targetOf(ctx: Context, serverId: string): Target | Fault {
  const server = ctx.db.select().from(servers).where(eq(servers.id, serverId)).get();
  if (server === undefined || server.state !== 'enrolled' || server.address === null || server.port === null) {
    return new Fault('conflict', {
      message: `server ${server?.name ?? serverId} is not enrolled`,
      hint: 'enrol it with kip server invite',
    });
  }
  const pinned = ctx.db
    .select({ algorithm: hostKeys.algorithm, fingerprint: hostKeys.fingerprint })
    .from(hostKeys)
    .where(and(eq(hostKeys.serverId, serverId), isNull(hostKeys.replacedAtMs)))
    .all();
  const key = ctx.db
    .select({ publicKey: serverKeys.publicKey })
    .from(serverKeys)
    .where(and(eq(serverKeys.serverId, serverId), isNull(serverKeys.retiredAtMs)))
    .get();
  if (pinned.length === 0 || key === undefined) {
    return new Fault('conflict', {
      message: `server ${server.name} has no pinned host key or no key of ours`,
      hint: `enrol it again with kip server invite ${server.name}`,
    });
  }
  return {
    serverId,
    serverName: server.name,
    address: server.address,
    port: server.port,
    user: 'kipper',
    hostKeys: pinned,
    publicKey: key.publicKey,
  };
}
