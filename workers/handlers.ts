import { runInputs, type RunResult } from '../core/runs.ts';
import type { Job } from './job.ts';

/** Run kind → its file, loaded when such a run comes. The input is checked again: it was written by an earlier version perhaps. */
export async function handleRun(job: Job): Promise<RunResult> {
  const { kind, input } = job.claim;
  switch (kind) {
    case 'audit':
      return (await import('./audit.ts')).runAudit(job);
    case 'harden':
      return (await import('./harden.ts')).runHarden(job, runInputs.harden.parse(input));
    case 'undo':
      return (await import('./undo.ts')).runUndo(job, runInputs.undo.parse(input));
    case 'install':
      return (await import('./install.ts')).runInstall(job, runInputs.install.parse(input));
    case 'uninstall':
      return (await import('./uninstall.ts')).runUninstall(job, runInputs.uninstall.parse(input));
    case 'deploy':
      return (await import('./deploy.ts')).runDeploy(job, runInputs.deploy.parse(input));
    case 'retire':
      return (await import('./retire.ts')).runRetire(job, runInputs.retire.parse(input));
    default:
      return kind satisfies never;
  }
}
