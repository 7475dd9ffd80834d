import { eq } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { cspAdvice } from '../../core/app/csp.ts';
import type { AppPlace } from '../../core/app/names.ts';
import { planRelease } from '../../core/app/plan.ts';
import type { AppSpec } from '../../core/app/spec.ts';
import { planText } from '../../core/plan.ts';
import type { Context } from '../context.ts';
import { servers } from '../db/tables.ts';
import { nodeAddresses, type ClusterRow } from './place.ts';

export const releasePlanView = z
  .object({
    hash: z.string(),
    steps: z.array(z.string()),
    objects: z.array(z.record(z.string(), z.unknown())),
    advice: z.array(z.string()),
  })
  .meta({ id: 'ReleasePlan', description: 'what a release would apply; nothing was created' });
export type ReleasePlan = z.infer<typeof releasePlanView>;

/** What a release would apply to the cluster. Creates nothing; the release id in the objects is all zeros. */
export function previewRelease(
  ctx: Context,
  cluster: ClusterRow,
  names: Omit<AppPlace, 'nodeAddresses' | 'releaseId'>,
  spec: AppSpec,
): ReleasePlan {
  const server = ctx.db.select().from(servers).where(eq(servers.id, cluster.serverId)).get();
  const plan = planRelease(
    { ...names, nodeAddresses: nodeAddresses(server?.facts ?? null, server?.address ?? null), releaseId: `rel_${'0'.repeat(26)}` },
    spec,
  );
  return {
    hash: createHash('sha256').update(planText(plan)).digest('hex'),
    steps: plan.steps.map((step) => step.title),
    objects: plan.steps.flatMap((step) => (step.kind === 'manifest' && step.verb === 'apply' ? [{ ...step.object }] : [])),
    advice: cspAdvice(spec.cspAllow),
  };
}
