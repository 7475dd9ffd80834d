import { and, eq } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import type { RunFeed } from '../../core/feed.ts';
import { outputKeepBytes, type RecordBatch, type RunRecord } from '../../core/runs.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs, servers, steps } from '../db/tables.ts';
import type { RunRow } from '../schedule.ts';
import { wakeWatchers, writeFeed } from './feed.ts';
import { replaceFindings } from './findings.ts';
import { keepOutput } from './keep.ts';
import { demandHolder } from './token.ts';
import type { StepRow } from './view.ts';

const factsMaxBytes = 1024 * 1024;

/** A step that a batch changes. What it printed is joined: to keep a tail costs the same for a byte as for a batch. */
interface Touched {
  step: StepRow;
  printed: string[];
  bytes: number;
}

/** Takes what a worker saw, in order and once: a batch that was delivered before is acknowledged and left out. */
export function writeRecords(ctx: Context, runId: string, token: string, batch: RecordBatch): void {
  atomically(ctx.db, () => {
    const { run } = demandHolder(ctx, runId, token);
    if (batch.seq <= run.lastSeq) return;
    if (batch.seq !== run.lastSeq + 1)
      throw new Fault('conflict', { message: `batch ${run.lastSeq + 1} has to come before batch ${batch.seq}`, field: 'seq' });
    const touched = new Map<number, Touched>();
    const feed = batch.records.flatMap((record) => apply(ctx, run, touched, record));
    for (const { step, printed } of touched.values()) {
      if (printed.length > 0) Object.assign(step, keepOutput(step, printed.join('')));
      ctx.db
        .update(steps)
        .set(step)
        .where(and(eq(steps.runId, run.id), eq(steps.position, step.position)))
        .run();
    }
    ctx.db.update(runs).set({ lastSeq: batch.seq }).where(eq(runs.id, run.id)).run();
    writeFeed(ctx, run.id, feed);
  });
  wakeWatchers(runId);
}

function apply(ctx: Context, run: RunRow, touched: Map<number, Touched>, record: RunRecord): RunFeed[] {
  switch (record.type) {
    case 'note':
    case 'warning':
      return [record];
    case 'findings':
      replaceFindings(ctx, run, record.scope, record.findings);
      return [{ type: 'found', scope: record.scope, findings: record.findings.length }];
    case 'facts':
      rememberFacts(ctx, run, record.facts);
      return [];
    case 'step':
      stepChanged(ctx, stepOf(ctx, run, touched, record.index).step, record);
      return [record];
    case 'output':
      return outputGrew(stepOf(ctx, run, touched, record.index), record);
    default:
      return record satisfies never;
  }
}

function stepOf(ctx: Context, run: RunRow, touched: Map<number, Touched>, position: number): Touched {
  const before = touched.get(position);
  if (before !== undefined) return before;
  const step = ctx.db
    .select()
    .from(steps)
    .where(and(eq(steps.runId, run.id), eq(steps.position, position)))
    .get();
  if (step === undefined) throw new Fault('invalid_input', { message: `the plan of this run has no step ${position}`, field: 'index' });
  const made = { step, printed: [], bytes: step.outputBytes };
  touched.set(position, made);
  return made;
}

function stepChanged(ctx: Context, step: StepRow, record: Extract<RunRecord, { type: 'step' }>): void {
  step.state = record.state;
  if (record.state === 'started') step.startedAtMs = ctx.now();
  if (record.exitCode !== undefined) step.exitCode = record.exitCode;
  if (record.durationMs !== undefined) step.durationMs = Math.round(record.durationMs);
  step.fault = record.fault === undefined ? null : canonical(record.fault);
}

function outputGrew(touched: Touched, record: Extract<RunRecord, { type: 'output' }>): RunFeed[] {
  const before = touched.bytes;
  touched.bytes += Buffer.byteLength(record.text);
  touched.printed.push(record.text);
  if (touched.bytes <= outputKeepBytes) return [record];
  return before <= outputKeepBytes ? [{ type: 'truncated', index: record.index }] : [];
}

function rememberFacts(ctx: Context, run: RunRow, facts: unknown): void {
  const text = canonical(facts);
  if (Buffer.byteLength(text) > factsMaxBytes) throw new Fault('too_large', 'the facts of a server may have 1 MiB');
  ctx.db.update(servers).set({ facts: text, lastSeenAtMs: ctx.now(), unreachableCause: null }).where(eq(servers.id, run.serverId)).run();
}
