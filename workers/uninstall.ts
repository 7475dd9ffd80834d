import { control, planK3sRemoval } from '../core/k3s/plan.ts';
import { makePlan, type Step } from '../core/plan.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import { executePlan } from './execute.ts';
import { freezePlan } from './freeze.ts';
import type { Job } from './job.ts';
import { keptTitles } from './kept.ts';
import { readUndoList } from './undo-list.ts';

/** Takes the cluster off its host: k3s is stopped and cleaned away, then every file it brought is undone, newest first. Hardening stays. */
export async function runUninstall(job: Job, input: RunInput<'uninstall'>): Promise<RunResult> {
  const frozen = job.claim.plan;
  const plan = frozen?.plan ?? makePlan({ uninstall: input.clusterId }, [...planK3sRemoval(), ...(await undoSteps(job)), reload]);
  const hash = frozen?.hash ?? (await freezePlan(job, plan, null));
  const { changed, kept } = await executePlan(job, plan, frozen?.states ?? []);
  job.record({ type: 'findings', scope: 'cluster', findings: [] });
  return { changed, planHash: hash, kept: keptTitles(kept) };
}

const reload: Step = {
  kind: 'shell',
  id: 'k3s/reload',
  title: 'let systemd forget the unit',
  control,
  timeoutMs: 60_000,
  action: 'daemon_reload',
  data: { reason: 'the unit of k3s is gone' },
  once: true,
};

/** What k3s left in the host's own undo list. Its files went with the data folder, so each entry is forced. */
async function undoSteps(job: Job): Promise<Step[]> {
  const entries = await readUndoList(job);
  return entries
    .filter((each) => each.control === control)
    .map(({ entry, title }) => ({
      kind: 'undo',
      id: `k3s/undo-${entry}`,
      title: `undo: ${title}`,
      control,
      timeoutMs: 300_000,
      entry,
      force: true,
    }));
}
