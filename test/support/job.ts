import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Fault } from '../../core/fault.ts';
import { type Step, makePlan } from '../../core/plan.ts';
import type { RunRecord, StepState, Target } from '../../core/runs.ts';
import type { Sign } from '../../workers/agent.ts';
import { type Executed, executePlan } from '../../workers/execute.ts';
import type { Job } from '../../workers/job.ts';
import type { Session } from '../../workers/session.ts';
import { type Connection, openShell } from '../../workers/ssh.ts';

export interface TestJob extends Job {
  records: RunRecord[];
  notes: string[];
  cancel: AbortController;
  /** State of each step as the records tell it. */
  states(): StepState[];
  output(): string;
  execute(steps: readonly Step[], before?: readonly StepState[]): Promise<Executed>;
  close(): void;
}

export interface JobOptions {
  target: Target;
  sign: Sign;
  fence: number;
  runId?: string;
  artefacts?: Record<string, Buffer>;
  /** Stands in for the second connection: a login that fails, a network that was cut. */
  fresh?(signal?: AbortSignal): Promise<Connection>;
}

/** A run without a control plane: real connections and sessions, records kept in memory. */
export function testJob(options: JobOptions): TestJob {
  const { target, sign, fence } = options;
  const runId = options.runId ?? `run_${randomUUID()}`;
  const cancel = new AbortController();
  let connection: Promise<Connection> | undefined;
  let session: Promise<Session> | undefined;
  const opened: Connection[] = [];
  const dial = async (signal: AbortSignal): Promise<Connection> => {
    const made = await openShell(target, sign, signal);
    opened.push(made);
    return made;
  };
  const refuse = (): Promise<never> => Promise.reject(new Fault('internal', 'this test has none'));
  const job: TestJob = {
    claim: { runId, kind: 'harden', fence, token: '', target, input: {}, plan: null, timeoutMs: 600_000 },
    api: {
      heartbeat: refuse,
      plan: refuse,
      records: refuse,
      sign,
      settle: refuse,
      artefact: async (sha256) => {
        const content = options.artefacts?.[sha256];
        if (content === undefined) throw new Fault('not_found', 'no such artefact');
        return { stream: Readable.from([content]), bytes: content.length };
      },
    },
    signal: cancel.signal,
    address: async () => target.address,
    connection: async () => {
      if (connection !== undefined && (await connection).lost.aborted) connection = session = undefined;
      return (connection ??= dial(cancel.signal));
    },
    fresh: (signal) => options.fresh?.(signal) ?? dial(signal ?? cancel.signal),
    session: async () => {
      const current = await job.connection();
      return (session ??= current.session(runId, fence));
    },
    kube: refuse,
    record: (record) => void job.records.push(record),
    note: (text) => void job.notes.push(text),
    secret: () => undefined,
    records: [],
    notes: [],
    cancel,
    states: () => {
      const states: StepState[] = [];
      for (const record of job.records) if (record.type === 'step') states[record.index] = record.state;
      return states;
    },
    output: () => job.records.map((record) => (record.type === 'output' ? record.text : '')).join(''),
    execute: (steps, before = []) => executePlan(job, makePlan({}, steps), before),
    close: () => {
      for (const one of opened) one.close();
    },
  };
  return job;
}
