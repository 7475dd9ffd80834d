import { afterEach, describe, expect, test } from 'vitest';
import { queueRun } from '../../services/schedule.ts';
import { atomically } from '../../services/db/open.ts';
import { events } from '../../services/db/tables.ts';
import { migrate } from '../../services/db/migrate.ts';
import { newContext, seedPerson, seedServer, type TestContext } from '../support/record.ts';

let ctx: TestContext;
afterEach(() => ctx.close());

describe('queueing a run', () => {
  test('writes the run and its Event in the same transaction, or neither', () => {
    ctx = newContext();
    const actor = seedPerson(ctx);
    const server = seedServer(ctx, actor);
    const wish = { organizationId: actor.organizationId, kind: 'audit', serverId: server.id, input: {}, timeoutMs: 60_000 } as const;
    const run = atomically(ctx.db, () => queueRun(ctx, actor, wish));
    expect(run).toMatchObject({ state: 'queued', kind: 'audit', createdBy: actor.personId });
    expect(() =>
      atomically(ctx.db, () => {
        queueRun(ctx, actor, wish);
        throw new Error('later');
      }),
    ).toThrow('later');
    expect(
      ctx.db
        .select()
        .from(events)
        .all()
        .map((event) => [event.name, event.subject]),
    ).toEqual([['run.queued', run.id]]);
  });

  test('migrations are applied once', () => {
    ctx = newContext();
    expect(migrate(ctx.db)).toBe(0);
  });
});
