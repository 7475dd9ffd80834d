import { findingScopes } from '../../../core/runs.ts';
import { blob, index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { createdAtMs, id, isJson, isTime, oneOf } from './columns.ts';
import { organizations } from './people.ts';
import { servers } from './servers.ts';
import { apps } from './apps.ts';
import { runs } from './runs.ts';

export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
export const findings = sqliteTable(
  'findings',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
    scope: text('scope', { enum: findingScopes }).notNull(),
    appId: text('app_id').references(() => apps.id),
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
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
  (t) => [
    index('findings_server').on(t.serverId, t.id),
    index('findings_app').on(t.appId, t.id),
    index('findings_list').on(t.organizationId, t.id),
    oneOf('findings_severity', t.severity, severities),
    oneOf('findings_scope', t.scope, findingScopes),
    isJson('findings_standards', t.standards),
  ],
);

/** Git and registry credentials, sealed. */
export const credentials = sqliteTable(
  'credentials',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    name: text('name').notNull(),
    kind: text('kind', { enum: ['git', 'registry'] }).notNull(),
    sealed: blob('sealed', { mode: 'buffer' }).notNull(),
    createdAtMs: createdAtMs(),
  },
  (t) => [uniqueIndex('credentials_name').on(t.organizationId, t.name), oneOf('credentials_kind', t.kind, ['git', 'registry'])],
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
  (t) => [
    index('events_list').on(t.organizationId, t.id),
    index('events_subject').on(t.subject, t.id),
    isJson('events_actor', t.actor),
    isJson('events_data', t.data),
    isTime('events_at', t.atMs),
  ],
);
