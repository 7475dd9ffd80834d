import { sql } from 'drizzle-orm';
import { blob, check, index, integer, primaryKey, sqliteTable, text, uniqueIndex, type AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import { runKinds, runStates, stepStates } from '../../core/runs.ts';

/** Closed unions and integer times are held by the database too, not only by types. */
const oneOf = (name: string, column: AnySQLiteColumn, values: readonly string[]) =>
  check(name, sql.raw(`"${column.name}" in (${values.map((value) => `'${value}'`).join(', ')})`));
const isTime = (name: string, column: AnySQLiteColumn) => check(name, sql.raw(`typeof("${column.name}") = 'integer' and "${column.name}" > 0`));
const isJson = (name: string, column: AnySQLiteColumn) => check(name, sql.raw(`"${column.name}" is null or json_valid("${column.name}")`));

const id = () => text('id').primaryKey();
const createdAtMs = () => integer('created_at_ms').notNull();

export const meta = sqliteTable('meta', { key: text('key').primaryKey(), value: text('value').notNull() });

export const organizations = sqliteTable('organizations', { id: id(), name: text('name').notNull(), createdAtMs: createdAtMs() }, (t) => [
  uniqueIndex('organizations_name').on(t.name),
  isTime('organizations_created', t.createdAtMs),
]);

export const personRoles = ['owner', 'admin', 'member'] as const;
export const people = sqliteTable(
  'people',
  {
    id: id(),
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    email: text('email').notNull(),
    passwordHash: text('password_hash').notNull(),
    role: text('role', { enum: personRoles }).notNull(),
    createdAtMs: createdAtMs(),
    disabledAtMs: integer('disabled_at_ms'),
  },
  (t) => [uniqueIndex('people_email').on(t.email), index('people_organization').on(t.organizationId, t.id), oneOf('people_role', t.role, personRoles), isTime('people_created', t.createdAtMs)],
);

/** One-time links that are spent by a POST: the first person's setup. */
export const setupLinks = sqliteTable(
  'setup_links',
  { tokenHash: text('token_hash').primaryKey(), createdAtMs: createdAtMs(), expiresAtMs: integer('expires_at_ms').notNull(), usedAtMs: integer('used_at_ms') },
  (t) => [isTime('setup_links_expires', t.expiresAtMs)],
);

export const sessions = sqliteTable(
  'sessions',
  {
    id: id(),
    personId: text('person_id').notNull().references(() => people.id),
    client: text('client').notNull(),
    address: text('address').notNull(),
    createdAtMs: createdAtMs(),
    lastUsedAtMs: integer('last_used_at_ms').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    revokedAtMs: integer('revoked_at_ms'),
    revokedWhy: text('revoked_why'),
  },
  (t) => [index('sessions_person').on(t.personId, t.id), isTime('sessions_expires', t.expiresAtMs)],
);

/** Every refresh token ever issued for a session: using a used one revokes the session. */
export const refreshTokens = sqliteTable(
  'refresh_tokens',
  { tokenHash: text('token_hash').primaryKey(), sessionId: text('session_id').notNull().references(() => sessions.id), createdAtMs: createdAtMs(), usedAtMs: integer('used_at_ms') },
  (t) => [index('refresh_tokens_session').on(t.sessionId)],
);

/** Keys that sign access tokens; the private half is sealed. */
export const signingKeys = sqliteTable('signing_keys', {
  kid: text('kid').primaryKey(),
  publicJwk: text('public_jwk').notNull(),
  privateSealed: blob('private_sealed', { mode: 'buffer' }).notNull(),
  createdAtMs: createdAtMs(),
  retiredAtMs: integer('retired_at_ms'),
});

export const serverStates = ['invited', 'enrolled', 'removed'] as const;
export const servers = sqliteTable(
  'servers',
  {
    id: id(),
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    name: text('name').notNull(),
    state: text('state', { enum: serverStates }).notNull(),
    address: text('address'),
    port: integer('port'),
    machineId: text('machine_id'),
    /** JSON of the last facts: operating system, kernel, memory, addresses. */
    facts: text('facts'),
    /** The doctor's cause while our key cannot reach an enrolled server, else null. */
    unreachableCause: text('unreachable_cause'),
    hardenedAtMs: integer('hardened_at_ms'),
    lastSeenAtMs: integer('last_seen_at_ms'),
    /** Raised by one for every claim of a run on this server; the host and the cluster refuse a lower one. */
    fence: integer('fence').notNull().default(0),
    createdAtMs: createdAtMs(),
    removedAtMs: integer('removed_at_ms'),
  },
  (t) => [
    uniqueIndex('servers_name').on(t.organizationId, t.name).where(sql`removed_at_ms is null`),
    uniqueIndex('servers_machine').on(t.machineId).where(sql`removed_at_ms is null and machine_id is not null`),
    index('servers_list').on(t.organizationId, t.id),
    oneOf('servers_state', t.state, serverStates),
    isJson('servers_facts', t.facts),
    isTime('servers_created', t.createdAtMs),
    check('servers_port', sql`port is null or (typeof(port) = 'integer' and port between 1 and 65535)`),
  ],
);

/** Our own SSH key pair of a server; the private half is sealed and never leaves the control plane. */
export const serverKeys = sqliteTable(
  'server_keys',
  {
    id: id(),
    serverId: text('server_id').notNull().references(() => servers.id),
    publicKey: text('public_key').notNull(),
    privateSealed: blob('private_sealed', { mode: 'buffer' }).notNull(),
    createdAtMs: createdAtMs(),
    retiredAtMs: integer('retired_at_ms'),
  },
  (t) => [uniqueIndex('server_keys_current').on(t.serverId).where(sql`retired_at_ms is null`), index('server_keys_server').on(t.serverId, t.id)],
);

/** Pinned before our first connection; history is kept. */
export const hostKeys = sqliteTable(
  'host_keys',
  {
    id: id(),
    serverId: text('server_id').notNull().references(() => servers.id),
    algorithm: text('algorithm').notNull(),
    fingerprint: text('fingerprint').notNull(),
    publicKey: text('public_key').notNull(),
    pinnedAtMs: integer('pinned_at_ms').notNull(),
    replacedAtMs: integer('replaced_at_ms'),
  },
  (t) => [uniqueIndex('host_keys_pinned').on(t.fingerprint).where(sql`replaced_at_ms is null`), index('host_keys_server').on(t.serverId, t.id), isTime('host_keys_time', t.pinnedAtMs)],
);

export const enrolments = sqliteTable(
  'enrolments',
  {
    id: id(),
    serverId: text('server_id').notNull().references(() => servers.id),
    tokenHash: text('token_hash').notNull(),
    /** KIPPER_URL at the time, so that a changed one can be named. */
    publicUrl: text('public_url').notNull(),
    /** A reinstalled machine may replace pinned host keys only through an enrolment that says so. */
    replaces: integer('replaces', { mode: 'boolean' }).notNull().default(false),
    createdBy: text('created_by').notNull(),
    createdAtMs: createdAtMs(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    claimedAtMs: integer('claimed_at_ms'),
    claimedFrom: text('claimed_from'),
    revokedAtMs: integer('revoked_at_ms'),
  },
  (t) => [uniqueIndex('enrolments_token').on(t.tokenHash), index('enrolments_server').on(t.serverId, t.id), isTime('enrolments_expires', t.expiresAtMs), isJson('enrolments_by', t.createdBy)],
);

export const clusterStates = ['requested', 'installed', 'removed'] as const;
export const clusters = sqliteTable(
  'clusters',
  {
    id: id(),
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    serverId: text('server_id').notNull().references(() => servers.id),
    name: text('name').notNull(),
    state: text('state', { enum: clusterStates }).notNull(),
    domain: text('domain').notNull(),
    version: text('version'),
    createdAtMs: createdAtMs(),
    installedAtMs: integer('installed_at_ms'),
    removedAtMs: integer('removed_at_ms'),
  },
  (t) => [
    uniqueIndex('clusters_name').on(t.organizationId, t.name).where(sql`removed_at_ms is null`),
    uniqueIndex('clusters_server').on(t.serverId).where(sql`removed_at_ms is null`),
    index('clusters_list').on(t.organizationId, t.id),
    oneOf('clusters_state', t.state, clusterStates),
    isTime('clusters_created', t.createdAtMs),
  ],
);

export const projects = sqliteTable(
  'projects',
  { id: id(), organizationId: text('organization_id').notNull().references(() => organizations.id), name: text('name').notNull(), createdAtMs: createdAtMs() },
  (t) => [uniqueIndex('projects_name').on(t.organizationId, t.name), index('projects_list').on(t.organizationId, t.id), isTime('projects_created', t.createdAtMs)],
);

export const environments = sqliteTable(
  'environments',
  { id: id(), projectId: text('project_id').notNull().references(() => projects.id), name: text('name').notNull(), createdAtMs: createdAtMs() },
  (t) => [uniqueIndex('environments_name').on(t.projectId, t.name), index('environments_list').on(t.projectId, t.id), isTime('environments_created', t.createdAtMs)],
);

/** (cluster, namespace) belongs to one environment for good. */
export const namespaces = sqliteTable(
  'namespaces',
  { clusterId: text('cluster_id').notNull().references(() => clusters.id), namespace: text('namespace').notNull(), environmentId: text('environment_id').notNull().references(() => environments.id) },
  (t) => [primaryKey({ columns: [t.clusterId, t.namespace] }), index('namespaces_environment').on(t.environmentId)],
);

export const appStates = ['deployed', 'removed'] as const;
export const apps = sqliteTable(
  'apps',
  {
    id: id(),
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    environmentId: text('environment_id').notNull().references(() => environments.id),
    clusterId: text('cluster_id').notNull().references(() => clusters.id),
    name: text('name').notNull(),
    host: text('host').notNull(),
    state: text('state', { enum: appStates }).notNull(),
    createdAtMs: createdAtMs(),
    removedAtMs: integer('removed_at_ms'),
  },
  (t) => [
    uniqueIndex('apps_name').on(t.environmentId, t.clusterId, t.name).where(sql`removed_at_ms is null`),
    uniqueIndex('apps_host').on(t.clusterId, t.host).where(sql`removed_at_ms is null`),
    index('apps_list').on(t.organizationId, t.id),
    oneOf('apps_state', t.state, appStates),
    isTime('apps_created', t.createdAtMs),
  ],
);

export const releaseStates = ['requested', 'available', 'failed', 'superseded'] as const;
export const releases = sqliteTable(
  'releases',
  {
    id: id(),
    appId: text('app_id').notNull().references(() => apps.id),
    number: integer('number').notNull(),
    spec: text('spec').notNull(),
    specSha256: text('spec_sha256').notNull(),
    imageDigest: text('image_digest'),
    state: text('state', { enum: releaseStates }).notNull(),
    /** The Fault of a release that did not become available, as JSON. */
    fault: text('fault'),
    createdBy: text('created_by').notNull(),
    createdAtMs: createdAtMs(),
    settledAtMs: integer('settled_at_ms'),
  },
  (t) => [uniqueIndex('releases_number').on(t.appId, t.number), index('releases_list').on(t.appId, t.id), oneOf('releases_state', t.state, releaseStates), isJson('releases_spec', t.spec), isJson('releases_fault', t.fault)],
);

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
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    kind: text('kind', { enum: runKinds }).notNull(),
    /** A server and its cluster share a target: the server. At most one run of a target runs. */
    serverId: text('server_id').notNull().references(() => servers.id),
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
    uniqueIndex('runs_one_running').on(t.serverId).where(sql`state = 'running'`),
    index('runs_list').on(t.organizationId, t.id),
    index('runs_server').on(t.serverId, t.id),
    index('runs_app').on(t.appId, t.id),
    index('runs_open').on(t.state, t.id).where(sql`state in ('queued', 'running')`),
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
    runId: text('run_id').notNull().references(() => runs.id),
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
  { runId: text('run_id').notNull().references(() => runs.id), seq: integer('seq').notNull(), atMs: integer('at_ms').notNull(), data: text('data').notNull() },
  (t) => [primaryKey({ columns: [t.runId, t.seq] }), isJson('run_events_data', t.data)],
);

export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
export const findings = sqliteTable(
  'findings',
  {
    id: id(),
    organizationId: text('organization_id').notNull().references(() => organizations.id),
    serverId: text('server_id').notNull().references(() => servers.id),
    appId: text('app_id').references(() => apps.id),
    runId: text('run_id').notNull().references(() => runs.id),
    control: text('control').notNull(),
    title: text('title').notNull(),
    severity: text('severity', { enum: severities }).notNull(),
    evidence: text('evidence').notNull(),
    hint: text('hint').notNull(),
    standards: text('standards').notNull(),
    remedy: text('remedy', { enum: ['fixable', 'skipped', 'owner'] }).notNull(),
    foundAtMs: integer('found_at_ms').notNull(),
    /** Set when a later run of the same scope no longer sees it. */
    resolvedAtMs: integer('resolved_at_ms'),
  },
  (t) => [index('findings_server').on(t.serverId, t.id), index('findings_app').on(t.appId, t.id), index('findings_list').on(t.organizationId, t.id), oneOf('findings_severity', t.severity, severities), isJson('findings_standards', t.standards)],
);

/** Git and registry credentials, sealed. */
export const credentials = sqliteTable(
  'credentials',
  { id: id(), organizationId: text('organization_id').notNull().references(() => organizations.id), name: text('name').notNull(), kind: text('kind', { enum: ['git', 'registry'] }).notNull(), sealed: blob('sealed', { mode: 'buffer' }).notNull(), createdAtMs: createdAtMs() },
  (t) => [uniqueIndex('credentials_name').on(t.organizationId, t.name), oneOf('credentials_kind', t.kind, ['git', 'registry'])],
);

/** An artefact in the store; accepted without a catalogue digest only by an owner, who is named. */
export const artefacts = sqliteTable(
  'artefacts',
  { sha256: text('sha256').primaryKey(), name: text('name').notNull(), version: text('version').notNull(), arch: text('arch').notNull(), bytes: integer('bytes').notNull(), source: text('source').notNull(), acceptedBy: text('accepted_by'), createdAtMs: createdAtMs() },
  (t) => [index('artefacts_name').on(t.name, t.version, t.arch), isJson('artefacts_by', t.acceptedBy)],
);

export const events = sqliteTable(
  'events',
  {
    id: id(),
    organizationId: text('organization_id').references(() => organizations.id),
    actor: text('actor').notNull(),
    /** `<noun>.<verb in the past>`: server.enrolled, run.signed. */
    name: text('name').notNull(),
    subject: text('subject').notNull(),
    runId: text('run_id'),
    data: text('data').notNull(),
    atMs: integer('at_ms').notNull(),
  },
  (t) => [index('events_list').on(t.organizationId, t.id), index('events_subject').on(t.subject, t.id), isJson('events_actor', t.actor), isJson('events_data', t.data), isTime('events_at', t.atMs)],
);

/** What an Idempotency-Key of a person bought: status and resource id, never an answer with a secret. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  { actorId: text('actor_id').notNull(), route: text('route').notNull(), key: text('key').notNull(), bodySha256: text('body_sha256').notNull(), status: integer('status'), resource: text('resource'), createdAtMs: createdAtMs() },
  (t) => [primaryKey({ columns: [t.actorId, t.route, t.key] }), index('idempotency_keys_age').on(t.createdAtMs)],
);
