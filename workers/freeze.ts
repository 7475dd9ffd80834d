import { Fault } from '../core/fault.ts';
import { renderPlan, type Plan } from '../core/plan.ts';
import type { Job } from './job.ts';
import { planHash } from './plan-hash.ts';

/**
 * Freezes a fresh plan in the record and returns its hash. Fault `conflict` when a hash was asked for and the host has changed since:
 * the message holds the plan of now.
 */
export async function freezePlan(job: Job, plan: Plan, wanted: string | null): Promise<string> {
  const hash = planHash(plan);
  if (wanted !== null && wanted !== hash) {
    throw new Fault('conflict', {
      message: `the plan is another one now (${hash}); nothing was changed. It is:\n${renderPlan(plan)}`.slice(0, 3_900),
      reason: 'plan_changed',
      field: '/planHash',
      hint: 'read it with --plan and apply it with its new hash',
    });
  }
  await job.api.plan(plan, hash);
  return hash;
}
