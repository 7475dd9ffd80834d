import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../core/ids.ts';
import { Redacted } from '../../core/redacted.ts';
import type { Actor } from '../../services/access.ts';
import { readConfig, type Config } from '../../services/config.ts';
import type { Context } from '../../services/context.ts';
import { migrate } from '../../services/db/migrate.ts';
import { openDatabase } from '../../services/db/open.ts';
import { organizations, people, servers, sessions } from '../../services/db/tables.ts';
import { makeVault } from '../../services/vault/vault.ts';

export interface TestContext extends Context {
  config: Config;
  /** Set it to move the clock. */
  clock: { nowMs: number };
  /** How often the dispatcher was asked to look. */
  rings: { count: number };
  dir: string;
  close(): void;
}

/** A real database with the real migrations in a folder of its own; the clock stands still until it is moved. */
export function newContext(overrides: Partial<Context> & { environment?: Record<string, string> } = {}): TestContext {
  const { environment, ...parts } = overrides;
  const dir = mkdtempSync(join(tmpdir(), 'kipper-test-'));
  const db = openDatabase(join(dir, 'kipper.db'));
  // Durability is not what these tests are about, and every fsync costs.
  db.$client.pragma('synchronous = OFF');
  migrate(db);
  const clock = { nowMs: Date.UTC(2026, 0, 15, 12) };
  const rings = { count: 0 };
  return {
    db,
    vault: makeVault(new Redacted(randomBytes(32))),
    config: readConfig({ KIPPER_DATA: dir, KIPPER_TARGETS: 'any', ...environment }),
    now: () => clock.nowMs,
    random: (bytes) => randomBytes(bytes),
    ring: () => {
      rings.count += 1;
    },
    ...parts,
    clock,
    rings,
    dir,
    close: () => {
      db.$client.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type PersonActor = Extract<Actor, { kind: 'person' }>;

/** An organization of its own with one person in it. */
export function seedPerson(ctx: Context, role: PersonActor['role'] = 'owner'): PersonActor {
  const nowMs = ctx.now();
  const organizationId = newId('organization', nowMs, ctx.random);
  const personId = newId('person', nowMs, ctx.random);
  const sessionId = newId('session', nowMs, ctx.random);
  ctx.db.insert(organizations).values({ id: organizationId, name: organizationId, createdAtMs: nowMs }).run();
  ctx.db
    .insert(people)
    .values({ id: personId, organizationId, email: `${personId}@example.com`, passwordHash: 'none', role, createdAtMs: nowMs })
    .run();
  ctx.db
    .insert(sessions)
    .values({
      id: sessionId,
      personId,
      client: 'test',
      address: '127.0.0.1',
      createdAtMs: nowMs,
      lastUsedAtMs: nowMs,
      expiresAtMs: nowMs + 86_400_000,
    })
    .run();
  return { kind: 'person', personId, organizationId, sessionId, role, address: '127.0.0.1' };
}

/** An enrolled server without keys. */
export function seedServer(
  ctx: Context,
  actor: PersonActor,
  parts: Partial<typeof servers.$inferInsert> = {},
): typeof servers.$inferSelect {
  const id = newId('server', ctx.now(), ctx.random);
  return ctx.db
    .insert(servers)
    .values({
      id,
      organizationId: actor.organizationId,
      name: id.slice(-12),
      state: 'enrolled',
      address: '127.0.0.1',
      port: 22,
      createdAtMs: ctx.now(),
      ...parts,
    })
    .returning()
    .get();
}
