import { and, eq, ne } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import type { Settlement } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { apps, releases } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';

const actor = { kind: 'system', job: 'settlement' } as const;

/** Inside the settling transaction: what the run says of its release becomes the release's state. */
export function settleDeploy(ctx: Context, run: RunRow, settlement: Settlement): void {
  if (run.releaseId === null || run.appId === null) return;
  const available = settlement.outcome === 'succeeded';
  if (available) {
    ctx.db
      .update(releases)
      .set({ state: 'superseded' })
      .where(and(eq(releases.appId, run.appId), eq(releases.state, 'available'), ne(releases.id, run.releaseId)))
      .run();
  }
  ctx.db
    .update(releases)
    .set({
      state: available ? 'available' : 'failed',
      imageDigest: settlement.result.imageDigest ?? null,
      fault: settlement.fault === undefined ? null : canonical(settlement.fault),
      settledAtMs: ctx.now(),
    })
    .where(eq(releases.id, run.releaseId))
    .run();
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: available ? 'release.deployed' : 'release.failed',
    subject: run.releaseId,
    runId: run.id,
    data: { imageDigest: settlement.result.imageDigest ?? null, reason: settlement.fault?.reason ?? null },
  });
}

export function settleRetire(ctx: Context, run: RunRow, settlement: Settlement): void {
  if (run.appId === null || settlement.outcome !== 'succeeded') return;
  ctx.db.update(apps).set({ state: 'removed', removedAtMs: ctx.now() }).where(eq(apps.id, run.appId)).run();
  writeEvent(ctx, actor, { organizationId: run.organizationId, name: 'app.removed', subject: run.appId, runId: run.id });
}
