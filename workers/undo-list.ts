import { parseUndoList, type UndoEntry } from '../core/hardening/undo.ts';
import { Fault } from '../core/fault.ts';
import { call } from '../core/shell.ts';
import { keepAnswer } from './answer.ts';
import type { Job } from './job.ts';

/** What the host says can be undone, newest first. */
export async function readUndoList(job: Job): Promise<UndoEntry[]> {
  const { runId, fence } = job.claim;
  const session = await job.session();
  const answer = keepAnswer('the list of what can be undone');
  const { exit } = await session.step(call('undo_list', { run: runId, fence: String(fence) }), answer.take);
  if (exit !== 0)
    throw new Fault('host_refused', {
      message: 'the host could not list what can be undone',
      hint: 'look into /var/lib/kipper/undo there',
      reason: 'undo_list_failed',
    });
  return parseUndoList(answer.text());
}
