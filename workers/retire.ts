import { planRetirement } from '../core/app/plan.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import { executePlan } from './execute.ts';
import type { Job } from './job.ts';
import { planHash } from './plan-hash.ts';

/** Takes an app's objects off its cluster; the environment's namespace and its rules stay. */
export async function runRetire(job: Job, input: RunInput<'retire'>): Promise<RunResult> {
  await job.session();
  const plan = job.claim.plan?.plan ?? planRetirement(input.place, input.spec);
  const hash = job.claim.plan?.hash ?? planHash(plan);
  if (job.claim.plan === null) await job.api.plan(plan, hash);
  const { changed } = await executePlan(job, plan, job.claim.plan?.states ?? []);
  job.record({ type: 'findings', scope: 'app', findings: [] });
  return { changed, planHash: hash };
}
