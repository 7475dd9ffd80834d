import { Fault } from '../core/fault.ts';
import { control, planK3sRemoval } from '../core/k3s/plan.ts';
import { makePlan, type Step } from '../core/plan.ts';
import type { RunInput, RunResult } from '../core/runs.ts';
import { call } from '../core/shell.ts';
import { executePlan } from './execute.ts';
import { freezePlan } from './freeze.ts';
import type { Job } from './job.ts';

/** Takes the cluster off its host: k3s is stopped and cleaned away, then every file it brought is undone, newest first. Hardening stays. */
export async function runUninstall(job: Job, input: RunInput<'uninstall'>): Promise<RunResult> {
  const frozen = job.claim.plan;
  const plan = frozen?.plan ?? makePlan({ uninstall: input.clusterId }, [...planK3sRemoval(), ...(await undoSteps(job)), reload]);
  const hash = frozen?.hash ?? (await freezePlan(job, plan, null));
  const { changed, kept } = await executePlan(job, plan, frozen?.states ?? []);
  job.record({ type: 'findings', scope: 'cluster', findings: [] });
  return { changed, planHash: hash, kept };
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
  const session = await job.session();
  let text = '';
  const { exit } = await session.step(call('undo_list', {}), (stream, words) => {
    if (stream === 'stdout') text += words;
  });
  if (exit !== 0)
    throw new Fault('step_failed', {
      message: 'the undo list of the server cannot be read',
      hint: 'look at /var/lib/kipper/undo on the server',
      reason: 'undo_unreadable',
    });
  return text.split('\n').flatMap((line): Step[] => {
    const [entry = '', , , of = '', , , title = ''] = line.split('\t');
    if (!/^\d{8}$/.test(entry) || of !== control) return [];
    return [
      { kind: 'undo', id: `k3s/undo-${entry}`, title: `undo: ${title.slice(0, 200)}`, control, timeoutMs: 300_000, entry, force: true },
    ];
  });
}
