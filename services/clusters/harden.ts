import { z } from 'zod';
import { parsed } from '../../core/parse.ts';
import { runInputs } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { findCluster } from './find.ts';

const hardenTimeoutMs = 30 * 60_000;

/** The controls of a server, on the server of a cluster: the same run, told of its cluster. */
export function hardenCluster(ctx: Context, actor: Actor, cluster: string, input: z.input<typeof runInputs.harden>): RunRow {
  const row = findCluster(ctx, actor, cluster);
  const wish = parsed(runInputs.harden, input);
  const run = atomically(ctx.db, () =>
    queueRun(ctx, actor, {
      organizationId: row.organizationId,
      kind: 'harden',
      serverId: row.serverId,
      clusterId: row.id,
      input: wish,
      timeoutMs: hardenTimeoutMs,
    }),
  );
  ctx.ring();
  return run;
}
