import { sql } from 'drizzle-orm';
import { blob, check, index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { createdAtMs, id, isJson, isTime, oneOf } from './columns.ts';
import { organizations } from './people.ts';

export const serverStates = ['invited', 'enrolled', 'removed'] as const;
export const servers = sqliteTable(
  'servers',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
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
    uniqueIndex('servers_name')
      .on(t.organizationId, t.name)
      .where(sql`removed_at_ms is null`),
    uniqueIndex('servers_machine')
      .on(t.machineId)
      .where(sql`removed_at_ms is null and machine_id is not null`),
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
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
    publicKey: text('public_key').notNull(),
    privateSealed: blob('private_sealed', { mode: 'buffer' }).notNull(),
    createdAtMs: createdAtMs(),
    retiredAtMs: integer('retired_at_ms'),
  },
  (t) => [
    uniqueIndex('server_keys_current')
      .on(t.serverId)
      .where(sql`retired_at_ms is null`),
    index('server_keys_server').on(t.serverId, t.id),
  ],
);

/** Pinned before our first connection; history is kept. */
export const hostKeys = sqliteTable(
  'host_keys',
  {
    id: id(),
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
    algorithm: text('algorithm').notNull(),
    fingerprint: text('fingerprint').notNull(),
    publicKey: text('public_key').notNull(),
    pinnedAtMs: integer('pinned_at_ms').notNull(),
    replacedAtMs: integer('replaced_at_ms'),
  },
  (t) => [
    uniqueIndex('host_keys_pinned')
      .on(t.fingerprint)
      .where(sql`replaced_at_ms is null`),
    index('host_keys_server').on(t.serverId, t.id),
    isTime('host_keys_time', t.pinnedAtMs),
  ],
);

export const enrolments = sqliteTable(
  'enrolments',
  {
    id: id(),
    serverId: text('server_id')
      .notNull()
      .references(() => servers.id),
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
  (t) => [
    uniqueIndex('enrolments_token').on(t.tokenHash),
    index('enrolments_server').on(t.serverId, t.id),
    isTime('enrolments_expires', t.expiresAtMs),
    isJson('enrolments_by', t.createdBy),
  ],
);
