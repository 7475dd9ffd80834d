import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { createdAtMs, id, isTime, oneOf } from './columns.ts';

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
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    email: text('email').notNull(),
    passwordHash: text('password_hash').notNull(),
    role: text('role', { enum: personRoles }).notNull(),
    createdAtMs: createdAtMs(),
    disabledAtMs: integer('disabled_at_ms'),
  },
  (t) => [
    uniqueIndex('people_email').on(t.email),
    index('people_organization').on(t.organizationId, t.id),
    oneOf('people_role', t.role, personRoles),
    isTime('people_created', t.createdAtMs),
  ],
);

/** One-time links that are spent by a POST: the first person's setup. */
export const setupLinks = sqliteTable(
  'setup_links',
  {
    tokenHash: text('token_hash').primaryKey(),
    createdAtMs: createdAtMs(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    usedAtMs: integer('used_at_ms'),
  },
  (t) => [isTime('setup_links_expires', t.expiresAtMs)],
);

export const sessions = sqliteTable(
  'sessions',
  {
    id: id(),
    personId: text('person_id')
      .notNull()
      .references(() => people.id),
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
  {
    tokenHash: text('token_hash').primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id),
    createdAtMs: createdAtMs(),
    usedAtMs: integer('used_at_ms'),
  },
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

/** What an Idempotency-Key of a person bought: status and resource id, never an answer with a secret. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    actorId: text('actor_id').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    bodySha256: text('body_sha256').notNull(),
    status: integer('status'),
    resource: text('resource'),
    createdAtMs: createdAtMs(),
  },
  (t) => [primaryKey({ columns: [t.actorId, t.route, t.key] }), index('idempotency_keys_age').on(t.createdAtMs)],
);
