import { Fault } from '../core/fault.ts';
import { controlOf, controls } from '../core/hardening/controls.ts';
import { defaultWish } from '../core/hardening/wish.ts';
import { makePlan, type Plan } from '../core/plan.ts';
import { planUndo } from '../core/hardening/undo.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import type { ServerFacts } from '../core/server/facts.ts';
import { executePlan } from './execute.ts';
import type { Job } from './job.ts';
import { keptTitles } from './kept.ts';
import { planHash } from './plan-hash.ts';
import { hardenWish, readServer, reportServer } from './server-facts.ts';
import { readUndoList } from './undo-list.ts';

/** Takes back what Kipper changed on a server, newest first; what a person changed since stays and is said. */
export async function runUndo(job: Job, input: RunInput<'undo'>): Promise<RunResult> {
  const frozen = job.claim.plan;
  const { plan, hash, kept: held } = frozen === null ? await freshPlan(job, input) : { ...frozen, kept: [] };
  if (input.planOnly) return { changed: 0, planHash: hash, planOnly: true, kept: keptTitles(held) };
  const { changed, kept } = await executePlan(job, plan, frozen?.states ?? []);
  const facts = await readServer(job);
  const { sameHost: _, ...wish } = defaultWish;
  reportServer(job, hardenWish(job, wish, facts), facts);
  return { changed, planHash: hash, kept: keptTitles([...held, ...kept]) };
}

async function freshPlan(job: Job, input: RunInput<'undo'>): Promise<{ plan: Plan; hash: string; kept: string[] }> {
  demandKnownControls(input.controls);
  const facts = await readServer(job);
  const stands = facts.k3s === 'ours';
  demandFree(input.controls, facts);
  const { steps, kept } = planUndo(await readUndoList(job), {
    controls: input.controls,
    force: input.force,
    clusterStands: stands,
  });
  if (kept.length > 0)
    job.note(`${kept.length} changes stay, because the cluster on this server needs them: remove it first with kip cluster remove`);
  const plan = makePlan({ undo: { controls: input.controls, force: input.force } }, steps);
  const hash = planHash(plan);
  await job.api.plan(plan, hash);
  return { plan, hash, kept };
}

function demandKnownControls(names: readonly string[] | null): void {
  const unknown = names?.find((name) => controlOf(name) === undefined);
  if (unknown === undefined) return;
  throw new Fault('invalid_input', {
    message: 'there is no such control',
    field: '--control',
    hint: `controls: ${controls.map((control) => control.id).join(', ')}`,
  });
}

/** A named control that the standing cluster needs is refused; without names it is left out and said. */
function demandFree(names: readonly string[] | null, facts: ServerFacts): void {
  const needed = facts.k3s === 'ours' ? names?.find((name) => controlOf(name)?.clusterNeeds === true) : undefined;
  if (needed === undefined) return;
  throw new Fault('conflict', {
    message: `the cluster on this server needs the control ${needed}`,
    hint: 'remove the cluster first: kip cluster remove',
    field: '--control',
    reason: 'cluster_needs_control',
  });
}
