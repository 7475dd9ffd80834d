import type { FaultView } from './fault.ts';
import type { FindingScope, RunResult, RunState, StepState } from './runs.ts';

/** What a watcher of a run sees, in order; `seq` of the stream's entry is where it resumes. */
export type RunFeed =
  | { type: 'state'; state: RunState; fault?: FaultView; result?: RunResult }
  | { type: 'planned'; hash: string; steps: { index: number; id: string; title: string }[] }
  | { type: 'step'; index: number; state: StepState; exitCode?: number; durationMs?: number; fault?: FaultView }
  | { type: 'output'; index: number; stream: 'stdout' | 'stderr'; text: string }
  /** More output than the feed keeps: the step itself has its first and last part. */
  | { type: 'truncated'; index: number }
  | { type: 'note'; text: string }
  | { type: 'warning'; text: string }
  | { type: 'found'; scope: FindingScope; findings: number };

export interface FeedEntry {
  seq: number;
  atMs: number;
  event: RunFeed;
}
