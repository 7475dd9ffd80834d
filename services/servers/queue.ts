import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import { runInputs } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { findServer } from './find.ts';
import { auditTimeoutMs, hardenTimeoutMs, undoTimeoutMs } from './timeouts.ts';

const timeouts = { audit: auditTimeoutMs, harden: hardenTimeoutMs, undo: undoTimeoutMs } as const;

export const hardenInput = runInputs.harden.meta({ id: 'HardenWish' });
export const undoInput = runInputs.undo.meta({ id: 'UndoWish' });

/** Queues a run on an enrolled server; Fault `conflict` while it is only invited. */
function queue(ctx: Context, actor: Actor, server: string, kind: keyof typeof timeouts, input: unknown): RunRow {
  const row = findServer(ctx, actor, server);
  if (row.state !== 'enrolled')
    throw new Fault('conflict', {
      message: `server ${row.name} is invited but not enrolled yet`,
      hint: `paste the line of: kip server invite ${row.name}`,
    });
  const run = atomically(ctx.db, () =>
    queueRun(ctx, actor, {
      organizationId: row.organizationId,
      kind,
      serverId: row.id,
      input: parsed(runInputs[kind], input),
      timeoutMs: timeouts[kind],
    }),
  );
  ctx.ring();
  return run;
}

export function auditServer(ctx: Context, actor: Actor, server: string): RunRow {
  return queue(ctx, actor, server, 'audit', {});
}

export function hardenServer(ctx: Context, actor: Actor, server: string, input: z.input<typeof hardenInput>): RunRow {
  return queue(ctx, actor, server, 'harden', input);
}

export function undoServer(ctx: Context, actor: Actor, server: string, input: z.input<typeof undoInput>): RunRow {
  return queue(ctx, actor, server, 'undo', input);
}
