import { eq } from 'drizzle-orm';
import { isCause } from '../../core/server/doctor.ts';
import type { Settlement } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import type { RunRow } from '../schedule.ts';

const actor = { kind: 'system', job: 'settlement' } as const;

/** Inside the settling transaction, for every kind of run: what it says of whether our key reaches the server. */
export function settleReach(ctx: Context, run: RunRow, settlement: Settlement): void {
  const server = ctx.db
    .select({ cause: servers.unreachableCause, name: servers.name })
    .from(servers)
    .where(eq(servers.id, run.serverId))
    .get();
  const cause = causeOfSettlement(settlement);
  if (server === undefined || cause === undefined) return;
  ctx.db
    .update(servers)
    .set({ unreachableCause: cause, ...(cause === null ? { lastSeenAtMs: ctx.now() } : {}) })
    .where(eq(servers.id, run.serverId))
    .run();
  if (cause === server.cause) return;
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: cause === null ? 'server.reached' : 'server.lost',
    subject: run.serverId,
    runId: run.id,
    data: { name: server.name, cause },
  });
}

/** Null: reached. Undefined: this run says nothing of it. */
function causeOfSettlement(settlement: Settlement): string | null | undefined {
  if (settlement.outcome === 'succeeded') return null;
  const fault = settlement.fault;
  if (fault === undefined) return undefined;
  if (fault.code === 'host_key_changed') return 'host_key_changed';
  if (provesLogin.has(fault.code) || fault.reason === 'forward_refused') return null;
  if (fault.code === 'host_unreachable') return fault.reason !== undefined && isCause(fault.reason) ? fault.reason : 'unknown';
  if (fault.code === 'host_refused' && fault.reason !== undefined && isCause(fault.reason) && standsInTheWay.has(fault.reason))
    return fault.reason;
  return undefined;
}

/** Whoever was told this by the server was logged in there. */
const provesLogin = new Set(['step_failed', 'cluster_refused']);

/** Refusals of the host that keep every run out, unlike those of one installation. */
const standsInTheWay = new Set([
  'key_refused',
  'user_not_allowed',
  'account_locked',
  'home_unsafe',
  'sudo_missing',
  'sudo_password',
  'sudo_tty',
  'sudo_refused',
  'shell_broken',
  'probe_malformed',
  'target_refused',
  'no_common_algorithm',
  'not_ssh',
  'too_many_startups',
]);

export function settleHarden(ctx: Context, run: RunRow, settlement: Settlement): void {
  settleReach(ctx, run, settlement);
  if (settlement.outcome !== 'succeeded' || settlement.result.planOnly === true) return;
  const { noHarden } = JSON.parse(run.input) as { noHarden?: boolean };
  if (noHarden === true) return;
  ctx.db.update(servers).set({ hardenedAtMs: ctx.now() }).where(eq(servers.id, run.serverId)).run();
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: 'server.hardened',
    subject: run.serverId,
    runId: run.id,
    data: { changed: settlement.result.changed },
  });
}

/** A whole undo leaves the server as it was found; one of named controls leaves it partly hardened. */
export function settleUndo(ctx: Context, run: RunRow, settlement: Settlement): void {
  settleReach(ctx, run, settlement);
  if (settlement.outcome !== 'succeeded' || settlement.result.planOnly === true) return;
  const { controls } = JSON.parse(run.input) as { controls?: string[] | null };
  const kept = settlement.result.kept ?? [];
  if ((controls ?? null) === null && kept.length === 0)
    ctx.db.update(servers).set({ hardenedAtMs: null }).where(eq(servers.id, run.serverId)).run();
  writeEvent(ctx, actor, {
    organizationId: run.organizationId,
    name: 'server.undone',
    subject: run.serverId,
    runId: run.id,
    data: { controls: controls ?? null, changed: settlement.result.changed, kept },
  });
}
