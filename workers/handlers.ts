import { Fault } from '../core/fault.ts';
import { runInputs, type RunResult } from '../core/runs.ts';
import type { Job } from './job.ts';

/** Run kind → its file, loaded when such a run comes. The input is checked again: it was written by an earlier version perhaps. */
export async function handleRun(job: Job): Promise<RunResult> {
  const { kind, input } = job.claim;
  switch (kind) {
    case 'audit':
    case 'harden':
    case 'undo':
    case 'install':
    case 'uninstall':
      throw new Fault('internal', `this build has no handler for ${kind} runs`);
    case 'deploy':
      return (await import('./deploy.ts')).runDeploy(job, runInputs.deploy.parse(input));
    case 'retire':
      return (await import('./retire.ts')).runRetire(job, runInputs.retire.parse(input));
    default:
      return kind satisfies never;
  }
}
