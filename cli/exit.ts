import { Fault, faultCodes, type FaultView } from '../core/fault.ts';

/** The person stopped it: 130 for Ctrl-C, 1 for a question that was answered with no. Not a failure of anything. */
export class Stopped extends Error {
  readonly exit: 1 | 130;
  constructor(message: string, exit: 1 | 130) {
    super(message);
    this.name = 'Stopped';
    this.exit = exit;
  }
}

/** Exit code 9 whatever the cause: a run failed, not the call. The words and the code are the run's own. */
export class RunFailed extends Fault {
  constructor(fault: FaultView, runId: string) {
    const transcript = `transcript: kip run show ${runId}`;
    super(fault.code in faultCodes ? fault.code : 'step_failed', {
      ...fault,
      hint: fault.hint === undefined ? transcript : `${fault.hint}\n${transcript}`,
    });
  }
}

export function exitOf(fault: Fault): number {
  return fault instanceof RunFailed ? faultCodes.step_failed.exit : faultCodes[fault.code].exit;
}
