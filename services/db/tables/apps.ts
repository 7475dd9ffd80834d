import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { createdAtMs, id, isJson, isTime, oneOf } from './columns.ts';
import { organizations } from './people.ts';
import { clusters, environments } from './clusters.ts';

export const appStates = ['deployed', 'removed'] as const;
export const apps = sqliteTable(
  'apps',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id),
    clusterId: text('cluster_id')
      .notNull()
      .references(() => clusters.id),
    name: text('name').notNull(),
    host: text('host').notNull(),
    state: text('state', { enum: appStates }).notNull(),
    createdAtMs: createdAtMs(),
    removedAtMs: integer('removed_at_ms'),
  },
  (t) => [
    uniqueIndex('apps_name')
      .on(t.environmentId, t.clusterId, t.name)
      .where(sql`removed_at_ms is null`),
    uniqueIndex('apps_host')
      .on(t.clusterId, t.host)
      .where(sql`removed_at_ms is null`),
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
    appId: text('app_id')
      .notNull()
      .references(() => apps.id),
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
  (t) => [
    uniqueIndex('releases_number').on(t.appId, t.number),
    index('releases_list').on(t.appId, t.id),
    oneOf('releases_state', t.state, releaseStates),
    isJson('releases_spec', t.spec),
    isJson('releases_fault', t.fault),
  ],
);
