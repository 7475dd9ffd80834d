import type { Step } from '../core/plan.ts';

/** What others stand on or are held by: everything before it is done first, and nothing after it begins. */
const alone = new Set(['Namespace', 'CustomResourceDefinition', 'Pod', 'Deployment', 'DaemonSet', 'StatefulSet', 'Job', 'CronJob']);

function mayShare(step: Step | undefined): boolean {
  return step?.kind === 'manifest' && step.verb === 'apply' && step.wait === undefined && !alone.has(step.object.kind);
}

/** The steps of a plan by their index, in order; those of one batch may be carried out at the same time. */
export function batchesOf(steps: readonly Step[]): number[][] {
  const batches: number[][] = [];
  for (const [index, step] of steps.entries()) {
    const last = batches.at(-1);
    if (last !== undefined && mayShare(step) && mayShare(steps[index - 1])) last.push(index);
    else batches.push([index]);
  }
  return batches;
}
