import type { FaultView } from '../../core/fault.ts';
import type { RunResult } from '../../core/runs.ts';
import type { steps } from '../db/tables.ts';
import type { RunRow } from '../schedule.ts';

export type StepRow = typeof steps.$inferSelect;

function parsed<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

/** What a client sees of a run. */
export function viewRun(row: RunRow) {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    serverId: row.serverId,
    clusterId: row.clusterId,
    appId: row.appId,
    releaseId: row.releaseId,
    planHash: row.planHash,
    attempts: row.attempts,
    cancelling: row.cancelAtMs !== null && row.settledAtMs === null,
    fault: parsed<FaultView>(row.fault),
    result: parsed<RunResult>(row.result),
    createdBy: row.createdBy,
    retryOf: row.retryOf,
    queuedAtMs: row.queuedAtMs,
    startedAtMs: row.startedAtMs,
    settledAtMs: row.settledAtMs,
  };
}

/** A step with what it printed: the first and the last 256 KiB, and how much there was. */
export function viewStep(row: StepRow, command: string | null) {
  return {
    index: row.position,
    id: row.stepId,
    kind: row.kind,
    title: row.title,
    control: row.control,
    command,
    state: row.state,
    exitCode: row.exitCode,
    startedAtMs: row.startedAtMs,
    durationMs: row.durationMs,
    fault: parsed<FaultView>(row.fault),
    outputHead: row.outputHead,
    outputTail: row.outputTail,
    outputBytes: row.outputBytes,
  };
}

export type RunView = ReturnType<typeof viewRun>;
export type StepView = ReturnType<typeof viewStep>;
