import { canonical } from '../core/canonical.ts';
import { newId } from '../core/ids.ts';
import type { RunKind } from '../core/runs.ts';
import { idOf, type Actor } from './access.ts';
import type { Context } from './context.ts';
import { runs } from './db/tables.ts';
import { writeEvent } from './events.ts';

export type RunRow = typeof runs.$inferSelect;

export interface RunWish {
  organizationId: string;
  kind: RunKind;
  /** The target: a server and its cluster share it. */
  serverId: string;
  clusterId?: string;
  appId?: string;
  releaseId?: string;
  /** As runInputs[kind] of core/runs.ts; never holds a secret. */
  input: unknown;
  timeoutMs: number;
  retryOf?: string;
}

/**
 * Writes a queued run and its Event; to be called inside the verb's transaction. The verb calls `ctx.ring()` after it.
 */
export function queueRun(ctx: Context, actor: Actor, wish: RunWish): RunRow {
  const nowMs = ctx.now();
  const row = ctx.db
    .insert(runs)
    .values({
      id: newId('run', nowMs, ctx.random),
      organizationId: wish.organizationId,
      kind: wish.kind,
      serverId: wish.serverId,
      clusterId: wish.clusterId ?? null,
      appId: wish.appId ?? null,
      releaseId: wish.releaseId ?? null,
      state: 'queued',
      input: canonical(wish.input),
      timeoutMs: wish.timeoutMs,
      createdBy: idOf(actor),
      retryOf: wish.retryOf ?? null,
      queuedAtMs: nowMs,
    })
    .returning()
    .get();
  writeEvent(ctx, actor, {
    organizationId: wish.organizationId,
    name: 'run.queued',
    subject: row.id,
    runId: row.id,
    data: { kind: wish.kind, serverId: wish.serverId },
  });
  return row;
}
