import { Fault, type FaultCode } from '../core/fault.ts';
import type { Step } from '../core/plan.ts';

interface Meaning {
  code: FaultCode;
  reason: string;
  message: string;
  hint: string;
}

const again = 'the output of the step says more: kip run show; mend it and try again';

/** Exit codes of the host library (bootstrap/parts/host/00-base.sh). */
const meanings: Readonly<Record<number, Meaning>> = {
  64: {
    code: 'internal',
    reason: 'step_malformed',
    message: 'the host could not read the step',
    hint: 'report this: the plan and the host library do not fit',
  },
  69: { code: 'host_refused', reason: 'tool_missing', message: 'a program is missing on the host', hint: again },
  70: { code: 'step_failed', reason: 'step_failed', message: 'it failed, and what it had changed was put back', hint: again },
  71: {
    code: 'step_failed',
    reason: 'not_put_back',
    message: 'the old state could not be put back',
    hint: 'the host keeps it in /var/lib/kipper/undo; `kip server undo` tries again',
  },
  72: {
    code: 'host_refused',
    reason: 'disk_full',
    message: 'the host could not write',
    hint: 'free some space there and try again: df -h',
  },
  73: { code: 'host_refused', reason: 'path_refused', message: 'something unexpected is in its place', hint: again },
  74: { code: 'step_failed', reason: 'not_verified', message: 'the change did not hold, and was put back', hint: again },
  75: {
    code: 'superseded',
    reason: 'superseded',
    message: 'a newer run has taken this server over; nothing was changed',
    hint: 'see: kip run ls',
  },
  76: {
    code: 'conflict',
    reason: 'changed_since',
    message: 'it was changed by someone since, so it is left alone',
    hint: 'the output shows the difference; --force puts the older state back all the same',
  },
  77: { code: 'step_failed', reason: 'not_saved', message: 'the old state could not be saved, so nothing was changed', hint: again },
  79: {
    code: 'host_refused',
    reason: 'dpkg_locked',
    message: 'another program is installing packages',
    hint: 'wait for it to end and try again',
  },
  80: {
    code: 'host_refused',
    reason: 'repository_down',
    message: 'the package sources of the host do not answer',
    hint: 'check them there with: apt-get update',
  },
  81: {
    code: 'step_failed',
    reason: 'reverted',
    message: 'no new login confirmed it in time, so the host put the old state back',
    hint: 'check that new logins as kipper work, then try again',
  },
};

/** A step without an undo entry puts nothing back. */
const unsaved = 'it failed, and nothing of it is put back';

/** What a step's exit means, with the host library's own sentence when it said one. */
export function stepFault(step: Step, exit: number, stderr: string): Fault {
  const known = meanings[exit] ?? { code: 'step_failed' as const, reason: 'step_failed', message: `it ended with ${exit}`, hint: again };
  const once = step.kind === 'shell' && step.once === true && (exit === 70 || exit === 74);
  const said = [...stderr.matchAll(/^kipper: ([^\n]{1,300})$/gm)].at(-1)?.[1];
  return new Fault(known.code, {
    message: `${step.title}: ${printable(said ?? (once ? unsaved : known.message))}`,
    hint: known.hint,
    reason: known.reason,
  });
}

function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, ' ');
}
