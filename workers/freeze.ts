import { Fault } from '../core/fault.ts';
import { renderPlan, type Plan } from '../core/plan.ts';
import type { Job } from './job.ts';
import { planHash, previewHash } from './plan-hash.ts';

/**
 * Freezes a fresh plan in the record and returns its hash. Fault `conflict` when a hash was asked for and the host has changed since:
 * the message holds the plan of now.
 */
export async function freezePlan(job: Job, plan: Plan, wanted: string | null, clusterId?: string): Promise<string> {
  const hash = planHash(plan);
  const agreed = clusterId === undefined ? hash : previewHash(plan, clusterId);
  if (wanted !== null && wanted !== hash && wanted !== agreed) {
    throw new Fault('conflict', {
      message: `the plan is another one now (${agreed}); nothing was changed. It is:\n${renderPlan(plan)}`.slice(0, 3_900),
      reason: 'plan_changed',
      field: '/planHash',
      hint: 'read it with --plan and apply it with its new hash',
    });
  }
  await job.api.plan(plan, hash);
  return hash;
}
