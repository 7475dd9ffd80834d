import { sql } from 'drizzle-orm';
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { runKinds, runStates, stepStates } from '../../../core/runs.ts';
import { createdAtMs, id, isJson, isTime, oneOf } from './columns.ts';
import { organizations } from './people.ts';
import { servers } from './servers.ts';
import { clusters } from './clusters.ts';
import { apps, releases } from './apps.ts';

export const workers = sqliteTable(
  'workers',
  {
    id: id(),
    name: text('name').notNull(),
    /** Ed25519, base64url of the raw 32 bytes. */
    publicKey: text('public_key').notNull(),
    local: integer('local', { mode: 'boolean' }).notNull(),
    createdAtMs: createdAtMs(),
    lastSeenAtMs: integer('last_seen_at_ms'),
    revokedAtMs: integer('revoked_at_ms'),
  },
  (t) => [uniqueIndex('workers_key').on(t.publicKey), isTime('workers_created', t.createdAtMs)],
);

export const runs = sqliteTable(
  'runs',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    kind: text('kind', { enum: runKinds }).notNull(),
    /** A server and its cluster share a target: the server. At most one run of a target runs. */
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
    clusterId: text('cluster_id').references(() => clusters.id),
    appId: text('app_id').references(() => apps.id),
    releaseId: text('release_id').references(() => releases.id),
    state: text('state', { enum: runStates }).notNull(),
    input: text('input').notNull(),
    plan: text('plan'),
    planHash: text('plan_hash'),
    fence: integer('fence').notNull().default(0),
    attempts: integer('attempts').notNull().default(0),
    workerId: text('worker_id').references(() => workers.id),
    leaseUntilMs: integer('lease_until_ms'),
    rungAtMs: integer('rung_at_ms'),
    cancelAtMs: integer('cancel_at_ms'),
    timeoutMs: integer('timeout_ms').notNull(),
    signatures: integer('signatures').notNull().default(0),
    lastSeq: integer('last_seq').notNull().default(0),
    fault: text('fault'),
    result: text('result'),
    createdBy: text('created_by').notNull(),
    /** The run that this one tries again. */
    retryOf: text('retry_of'),
    queuedAtMs: integer('queued_at_ms').notNull(),
    startedAtMs: integer('started_at_ms'),
    settledAtMs: integer('settled_at_ms'),
  },
  (t) => [
    uniqueIndex('runs_one_running')
      .on(t.serverId)
      .where(sql`state = 'running'`),
    index('runs_list').on(t.organizationId, t.id),
    index('runs_server').on(t.serverId, t.id),
    index('runs_app').on(t.appId, t.id),
    index('runs_open')
      .on(t.state, t.id)
      .where(sql`state in ('queued', 'running')`),
    oneOf('runs_state', t.state, runStates),
    oneOf('runs_kind', t.kind, runKinds),
    isJson('runs_input', t.input),
    isJson('runs_plan', t.plan),
    isJson('runs_fault', t.fault),
    isJson('runs_result', t.result),
    isTime('runs_queued', t.queuedAtMs),
    check('runs_settled', sql`(state in ('succeeded', 'failed', 'cancelled')) = (settled_at_ms is not null)`),
  ],
);

export const steps = sqliteTable(
  'steps',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
    position: integer('position').notNull(),
    stepId: text('step_id').notNull(),
    kind: text('kind').notNull(),
    title: text('title').notNull(),
    control: text('control'),
    state: text('state', { enum: stepStates }).notNull(),
    exitCode: integer('exit_code'),
    startedAtMs: integer('started_at_ms'),
    durationMs: integer('duration_ms'),
    fault: text('fault'),
    /** The first and the last 256 KiB of what the step printed, redacted by the worker. */
    outputHead: text('output_head').notNull().default(''),
    outputTail: text('output_tail').notNull().default(''),
    outputBytes: integer('output_bytes').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.runId, t.position] }), oneOf('steps_state', t.state, stepStates), isJson('steps_fault', t.fault)],
);

/** The live feed of a run: what an SSE reader resumes from. */
export const runEvents = sqliteTable(
  'run_events',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
    seq: integer('seq').notNull(),
    atMs: integer('at_ms').notNull(),
    data: text('data').notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.seq] }), isJson('run_events_data', t.data)],
);
