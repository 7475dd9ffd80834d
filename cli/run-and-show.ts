import { api } from './api.ts';
import { answer, paint, say, type Common } from './output.ts';
import { demandSuccess, watchRun, type RunView } from './watch.ts';

interface StepView {
  title: string;
  state: string;
}

/** Watches a run to its end and tells what it changed; throws when it did not succeed. */
export async function finishRun(common: Common, run: RunView): Promise<RunView> {
  say(common, `run ${run.id}`);
  return demandSuccess(await watchRun(common, run.id));
}

/** For a run that was asked for its plan only: the steps and the hash to apply exactly them. */
export async function showPlan(common: Common, run: RunView, apply: string): Promise<void> {
  const { items } = await api<{ items: StepView[] }>(`/v1/runs/${run.id}/steps`);
  answer(common, { planHash: run.planHash, steps: items }, () => {
    const steps = items.map((step, index) => `${String(index + 1).padStart(3)}  ${step.title}`);
    return [
      ...(steps.length === 0 ? ['nothing to change'] : steps),
      '',
      `plan hash  ${run.planHash ?? '-'}`,
      `apply it   ${apply} --plan-hash ${run.planHash ?? ''}`,
    ].join('\n');
  });
}

export function tellChanges(common: Common, run: RunView, what: string): void {
  const changed = run.result?.changed ?? 0;
  answer(common, run, () =>
    changed === 0
      ? `${what}: 0 changes, everything holds already`
      : `${paint('green', '✓')} ${what}: ${changed} change${changed === 1 ? '' : 's'}`,
  );
}
