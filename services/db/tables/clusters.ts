import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { createdAtMs, id, isJson, isTime, oneOf } from './columns.ts';
import { organizations } from './people.ts';
import { servers } from './servers.ts';

export const clusterStates = ['requested', 'installed', 'removed'] as const;
export const clusters = sqliteTable(
  'clusters',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
    name: text('name').notNull(),
    state: text('state', { enum: clusterStates }).notNull(),
    domain: text('domain').notNull(),
    version: text('version'),
    createdAtMs: createdAtMs(),
    installedAtMs: integer('installed_at_ms'),
    removedAtMs: integer('removed_at_ms'),
  },
  (t) => [
    uniqueIndex('clusters_name')
      .on(t.organizationId, t.name)
      .where(sql`removed_at_ms is null`),
    uniqueIndex('clusters_server')
      .on(t.serverId)
      .where(sql`removed_at_ms is null`),
    index('clusters_list').on(t.organizationId, t.id),
    oneOf('clusters_state', t.state, clusterStates),
    isTime('clusters_created', t.createdAtMs),
  ],
);

export const projects = sqliteTable(
  'projects',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    name: text('name').notNull(),
    createdAtMs: createdAtMs(),
  },
  (t) => [
    uniqueIndex('projects_name').on(t.organizationId, t.name),
    index('projects_list').on(t.organizationId, t.id),
    isTime('projects_created', t.createdAtMs),
  ],
);

export const environments = sqliteTable(
  'environments',
  {
    id: id(),
    projectId: text('project_id')
      .notNull()
      .references(() => projects.id),
    name: text('name').notNull(),
    createdAtMs: createdAtMs(),
  },
  (t) => [
    uniqueIndex('environments_name').on(t.projectId, t.name),
    index('environments_list').on(t.projectId, t.id),
    isTime('environments_created', t.createdAtMs),
  ],
);

/** (cluster, namespace) belongs to one environment for good. */
export const namespaces = sqliteTable(
  'namespaces',
  {
    clusterId: text('cluster_id')
      .notNull()
      .references(() => clusters.id),
    namespace: text('namespace').notNull(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id),
  },
  (t) => [primaryKey({ columns: [t.clusterId, t.namespace] }), index('namespaces_environment').on(t.environmentId)],
);

/** An artefact in the store; accepted without a catalogue digest only by an owner, who is named. */
export const artefacts = sqliteTable(
  'artefacts',
  {
    sha256: text('sha256').primaryKey(),
    name: text('name').notNull(),
    version: text('version').notNull(),
    arch: text('arch').notNull(),
    bytes: integer('bytes').notNull(),
    source: text('source').notNull(),
    acceptedBy: text('accepted_by'),
    createdAtMs: createdAtMs(),
  },
  (t) => [index('artefacts_name').on(t.name, t.version, t.arch), isJson('artefacts_by', t.acceptedBy)],
);
