import { Fault } from '../core/fault.ts';
import { planHardening } from '../core/hardening/plan.ts';
import type { HardenWish } from '../core/hardening/wish.ts';
import { makePlan, type Plan } from '../core/plan.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import type { ServerFacts } from '../core/server/facts.ts';
import { executePlan } from './execute.ts';
import type { Job } from './job.ts';
import { planHash } from './plan-hash.ts';
import { hardenWish, readServer, reportServer } from './server-facts.ts';

/** Makes the hardening controls hold; a second run changes nothing. */
export async function runHarden(job: Job, input: RunInput<'harden'>): Promise<RunResult> {
  const frozen = job.claim.plan;
  const { plan, hash, facts } = frozen === null ? await freshPlan(job, input) : { ...frozen, facts: null };
  if (input.planOnly) return { changed: 0, planHash: hash, planOnly: true };
  const { changed } = await executePlan(job, plan, frozen?.states ?? []);
  // With nothing to do, what was just read is what there is.
  const after = facts !== null && plan.steps.length === 0 ? facts : await readServer(job);
  const wish = hardenWish(job, input, after);
  reportServer(job, wish, after);
  noteRest(job, wish, after);
  return { changed, planHash: hash };
}

async function freshPlan(job: Job, input: RunInput<'harden'>): Promise<{ plan: Plan; hash: string; facts: ServerFacts }> {
  const facts = await readServer(job);
  demandKnownLogins(input, facts);
  const wish = hardenWish(job, input, facts);
  const plan = hardeningPlan(wish, facts);
  const hash = planHash(plan);
  demandSamePlan(input.planHash, plan, hash);
  await job.api.plan(plan, hash);
  if (input.planOnly) reportServer(job, wish, facts);
  return { plan, hash, facts };
}

/** The hash covers what was wished for, not whether it was only to be shown: `--plan` and `--plan-hash` mean the same plan. */
export function hardeningPlan(wish: HardenWish, facts: ServerFacts): Plan {
  const { noHarden, noFirewall, dropLogins, yesSameHost } = wish;
  return makePlan({ harden: { noHarden, noFirewall, dropLogins: [...dropLogins].sort(), yesSameHost } }, planHardening(wish, facts));
}

/** Refuses a plan other than the one that was agreed to, and says what it is now. */
export function demandSamePlan(wanted: string | null, plan: Plan, hash: string): void {
  if (wanted === null || wanted === hash) return;
  const titles = plan.steps.map((step) => step.title).join('; ') || 'nothing to change';
  throw new Fault('conflict', {
    message: `the plan is not ${wanted.slice(0, 12)}… any more: the server or the wish changed since`,
    hint: `now it is ${hash}: ${titles.slice(0, 1500)}`,
    field: '--plan-hash',
    reason: 'plan_changed',
  });
}

/** Who gives a login up has to mean an account that is there. */
export function demandKnownLogins(input: Pick<RunInput<'harden'>, 'dropLogins'>, facts: ServerFacts): void {
  const names = facts.accounts.people.map((account) => account.name);
  const unknown = input.dropLogins.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new Fault('invalid_input', {
    message: 'there is no such account that can log in',
    field: '--drop-login',
    hint: `accounts with a login shell: ${names.join(', ')}`,
  });
}

function noteRest(job: Job, wish: HardenWish, facts: ServerFacts): void {
  const rest = planHardening(wish, facts);
  if (rest.length > 0) job.note(`new since the plan was made; run harden again for: ${rest.map((step) => step.title).join('; ')}`);
}
