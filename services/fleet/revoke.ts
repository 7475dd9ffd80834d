import { and, eq } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs, workers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';

/** Its token stops working at once; its runs go to other workers, with the plans they have. */
export function revokeWorker(ctx: Context, actor: Actor, id: string): void {
  atomically(ctx.db, () => {
    const worker = ctx.db.select().from(workers).where(eq(workers.id, id)).get();
    if (worker === undefined) throw new Fault('not_found', 'no such worker');
    if (worker.revokedAtMs === null) revokeInside(ctx, actor, worker);
  });
  ctx.ring();
}

/** To be called inside a transaction. */
export function revokeInside(ctx: Context, actor: Actor, worker: typeof workers.$inferSelect): void {
  ctx.db.update(workers).set({ revokedAtMs: ctx.now() }).where(eq(workers.id, worker.id)).run();
  ctx.db
    .update(runs)
    .set({ leaseUntilMs: 0 })
    .where(and(eq(runs.workerId, worker.id), eq(runs.state, 'running')))
    .run();
  writeEvent(ctx, actor, { organizationId: null, name: 'worker.revoked', subject: worker.id });
}
