import { eq } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import type { FaultCode } from '../../../core/fault.ts';
import { runKinds } from '../../../core/runs.ts';
import { events, servers } from '../../../services/db/tables.ts';
import { settlements } from '../../../services/settlements.ts';
import { newContext, type TestContext } from '../../support/record.ts';
import { queue, seedTarget } from '../../support/runs.ts';

let ctx: TestContext | undefined;
afterEach(() => {
  ctx?.close();
  ctx = undefined;
});

test.each(runKinds)('a %s that does not reach the server leaves its cause there, and the next that does takes it away', (kind) => {
  const it = (ctx = newContext());
  const target = seedTarget(it);
  const cause = () => it.db.select().from(servers).where(eq(servers.id, target.serverId)).get()?.unreachableCause;
  const settle = (code: FaultCode | null, reason?: string) => {
    const fault = code === null ? {} : { fault: { code, message: 'm', hint: 'h', ...(reason === undefined ? {} : { reason }) } };
    settlements[kind](it, queue(it, target, kind), {
      outcome: code === null ? 'succeeded' : 'failed',
      ...fault,
      result: { changed: 0, planOnly: true },
    } as never);
  };
  settle('host_unreachable', 'key_refused');
  expect(cause()).toBe('key_refused');
  settle('timed_out', 'run_timed_out');
  expect(cause()).toBe('key_refused');
  settle('step_failed', 'step_failed');
  expect(cause()).toBeNull();
  settle('host_unreachable', 'refused');
  settle('host_unreachable', 'forward_refused');
  expect(cause()).toBeNull();
  settle('host_key_changed', 'host_key_changed');
  settle(null);
  expect(cause()).toBeNull();
  const names = it.db
    .select()
    .from(events)
    .all()
    .map((each) => each.name)
    .filter((name) => /^server\.(lost|reached)$/.test(name));
  expect(names).toEqual(['server.lost', 'server.reached', 'server.lost', 'server.reached', 'server.lost', 'server.reached']);
});
