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

/** Takes what a worker saw, in order and once: a batch that was delivered before is acknowledged and left out. */
export function writeRecords(ctx: Context, runId: string, token: string, batch: RecordBatch): void {
  atomically(ctx.db, () => {
    const { run } = demandHolder(ctx, runId, token);
    if (batch.seq <= run.lastSeq) return;
    if (batch.seq !== run.lastSeq + 1) throw new Fault('conflict', { message: `batch ${run.lastSeq + 1} has to come before batch ${batch.seq}`, field: 'seq' });
    const touched = new Map<number, StepRow>();
    const feed = batch.records.flatMap((record) => apply(ctx, run, touched, record));
    for (const step of touched.values()) ctx.db.update(steps).set(step).where(and(eq(steps.runId, run.id), eq(steps.position, step.position))).run();
    ctx.db.update(runs).set({ lastSeq: batch.seq }).where(eq(runs.id, run.id)).run();
    writeFeed(ctx, run.id, feed);
  });
  wakeWatchers(runId);
}

function apply(ctx: Context, run: RunRow, touched: Map<number, StepRow>, record: RunRecord): RunFeed[] {
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
      stepChanged(ctx, stepOf(ctx, run, touched, record.index), record);
      return [record];
    case 'output':
      return outputGrew(stepOf(ctx, run, touched, record.index), record);
    default:
      return record satisfies never;
  }
}

function stepOf(ctx: Context, run: RunRow, touched: Map<number, StepRow>, position: number): StepRow {
  const known = touched.get(position) ?? ctx.db.select().from(steps).where(and(eq(steps.runId, run.id), eq(steps.position, position))).get();
  if (known === undefined) throw new Fault('invalid_input', { message: `the plan of this run has no step ${position}`, field: 'index' });
  touched.set(position, known);
  return known;
}

function stepChanged(ctx: Context, step: StepRow, record: Extract<RunRecord, { type: 'step' }>): void {
  step.state = record.state;
  if (record.state === 'started') step.startedAtMs = ctx.now();
  if (record.exitCode !== undefined) step.exitCode = record.exitCode;
  if (record.durationMs !== undefined) step.durationMs = Math.round(record.durationMs);
  step.fault = record.fault === undefined ? null : canonical(record.fault);
}

function outputGrew(step: StepRow, record: Extract<RunRecord, { type: 'output' }>): RunFeed[] {
  const before = step.outputBytes;
  Object.assign(step, keepOutput(step, record.text));
  if (step.outputBytes <= outputKeepBytes) return [record];
  return before <= outputKeepBytes ? [{ type: 'truncated', index: record.index }] : [];
}

function rememberFacts(ctx: Context, run: RunRow, facts: unknown): void {
  const text = canonical(facts);
  if (Buffer.byteLength(text) > factsMaxBytes) throw new Fault('too_large', 'the facts of a server may have 1 MiB');
  ctx.db.update(servers).set({ facts: text, lastSeenAtMs: ctx.now(), unreachableCause: null }).where(eq(servers.id, run.serverId)).run();
}
