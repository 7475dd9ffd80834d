import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaseMs } from '../../core/runs.ts';
import { workerSlots } from '../../core/wire.ts';
import { runs } from '../../services/db/tables.ts';
import { pickRuns } from '../../services/dispatch.ts';
import { reconcile } from '../../services/reconcile.ts';
import { cancelRun } from '../../services/runs/cancel.ts';
import { heartbeat } from '../../services/runs/heartbeat.ts';
import { newContext, seedPerson, type TestContext } from '../support/record.ts';
import { claimed, queue, seedTarget, seedWorker } from '../support/runs.ts';

let ctx: TestContext;
beforeEach(() => {
  ctx = newContext();
});
afterEach(() => ctx.close());

const rowOf = (id: string) => ctx.db.select().from(runs).where(eq(runs.id, id)).get();

describe('the reconciler', () => {
  test('gives a run that lost its worker five times up with a Fault', () => {
    const run = queue(ctx, seedTarget(ctx));
    const worker = seedWorker(ctx);
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(rowOf(run.id)?.state).toBe('queued');
      claimed(ctx, worker, run);
      // The time-out of the run is not what this is about.
      ctx.db.update(runs).set({ startedAtMs: ctx.now() }).run();
      ctx.clock.nowMs += leaseMs + 1;
      reconcile(ctx);
    }
    expect(rowOf(run.id)).toMatchObject({ state: 'failed', attempts: 5 });
    expect(JSON.parse(rowOf(run.id)?.fault ?? '')).toMatchObject({ code: 'unavailable', reason: 'attempts' });
  });

  test('leaves a run with a heartbeat alone', () => {
    const run = queue(ctx, seedTarget(ctx), 'audit', {}, 600_000);
    const { token } = claimed(ctx, seedWorker(ctx), run);
    for (let beat = 0; beat < 10; beat += 1) {
      ctx.clock.nowMs += 5_000;
      heartbeat(ctx, run.id, token);
      reconcile(ctx);
    }
    expect(rowOf(run.id)?.state).toBe('running');
  });

  test('ends a run whose worker beats but never ends it, after its time-out', () => {
    const run = queue(ctx, seedTarget(ctx), 'audit', {}, 30_000);
    let { token } = claimed(ctx, seedWorker(ctx), run);
    for (let beat = 0; beat < 20; beat += 1) {
      if (rowOf(run.id)?.state !== 'running') break;
      ctx.clock.nowMs += 5_000;
      token = heartbeat(ctx, run.id, token).token;
      reconcile(ctx);
    }
    expect(JSON.parse(rowOf(run.id)?.fault ?? '{}')).toMatchObject({ code: 'timed_out' });
  });

  test('a cancelled run whose worker is gone is cancelled, not tried again', () => {
    const target = seedTarget(ctx);
    const run = queue(ctx, target);
    claimed(ctx, seedWorker(ctx), run);
    cancelRun(ctx, target.actor, run.id);
    ctx.clock.nowMs += leaseMs + 1;
    reconcile(ctx);
    expect(rowOf(run.id)?.state).toBe('cancelled');
  });

  test('a clock that jumps back a day holds nothing up: the lease, the ring and the time-out count from now', () => {
    const target = seedTarget(ctx);
    const run = queue(ctx, target);
    const other = queue(ctx, seedTarget(ctx, target.actor));
    claimed(ctx, seedWorker(ctx), run);
    ctx.db.update(runs).set({ rungAtMs: ctx.now() }).where(eq(runs.id, other.id)).run();
    ctx.clock.nowMs -= 86_400_000;
    reconcile(ctx);
    expect(rowOf(other.id)?.rungAtMs).toBeNull();
    expect(rowOf(run.id)).toMatchObject({ state: 'running', startedAtMs: ctx.now(), leaseUntilMs: ctx.now() + leaseMs });
    ctx.clock.nowMs += leaseMs + 1;
    reconcile(ctx);
    expect(rowOf(run.id)?.state).toBe('queued');
  });

  test('rings again for what nobody answered', () => {
    const run = queue(ctx, seedTarget(ctx));
    ctx.db.update(runs).set({ rungAtMs: ctx.now() }).run();
    ctx.clock.nowMs += 30_001;
    const before = ctx.rings.count;
    reconcile(ctx);
    expect(rowOf(run.id)?.rungAtMs).toBeNull();
    expect(ctx.rings.count).toBe(before + 1);
  });
});

test('a run whose end cannot be written holds up neither the others nor the rings', () => {
  const [bad, good] = [queue(ctx, seedTarget(ctx)), queue(ctx, seedTarget(ctx))];
  const worker = seedWorker(ctx);
  for (const run of [bad, good]) claimed(ctx, worker, run);
  ctx.db.update(runs).set({ attempts: 5 }).where(eq(runs.id, bad.id)).run();
  const broken: TestContext = Object.assign(Object.create(ctx) as TestContext, {
    settlements: {
      audit: () => {
        throw new Error('no');
      },
    },
  });
  ctx.clock.nowMs += leaseMs + 1;
  const rings = ctx.rings.count;
  expect(() => reconcile(broken)).toThrow('no');
  expect(rowOf(good.id)?.state).toBe('queued');
  expect(ctx.rings.count).toBe(rings + 1);
});

describe('the dispatcher', () => {
  test('thousands of runs that wait for one server hide no other server', () => {
    const busy = seedTarget(ctx);
    const row = queue(ctx, busy);
    for (let n = 0; n < 2_100; n += 1)
      ctx.db
        .insert(runs)
        .values({ ...row, id: `${row.id.slice(0, -5)}${String(n).padStart(5, '0')}z` })
        .run();
    const late = queue(ctx, seedTarget(ctx));
    expect(pickRuns(ctx)).toContain(late.id);
    expect(pickRuns(ctx)).toHaveLength(2);
  });

  test('picks the oldest run of each free server only', () => {
    const target = seedTarget(ctx);
    const [first] = [queue(ctx, target), queue(ctx, target)];
    const busy = seedTarget(ctx, target.actor);
    const [running] = [queue(ctx, busy), queue(ctx, busy)];
    claimed(ctx, seedWorker(ctx), running);
    expect(pickRuns(ctx)).toEqual([first.id]);
  });

  test('is fair by organization: many runs of one do not starve another', () => {
    const many = seedPerson(ctx);
    for (let n = 0; n < 100; n += 1) queue(ctx, seedTarget(ctx, many));
    const few = queue(ctx, seedTarget(ctx));
    const picked = pickRuns(ctx);
    expect(picked).toHaveLength(2 * workerSlots);
    expect(picked.indexOf(few.id)).toBeLessThanOrEqual(1);
  });

  test('rings no more than twice what the workers can carry', () => {
    const actor = seedPerson(ctx);
    for (let n = 0; n < 2 * workerSlots + 5; n += 1) queue(ctx, seedTarget(ctx, actor));
    for (const id of pickRuns(ctx)) ctx.db.update(runs).set({ rungAtMs: ctx.now() }).where(eq(runs.id, id)).run();
    expect(pickRuns(ctx)).toEqual([]);
    seedWorker(ctx);
    seedWorker(ctx);
    expect(pickRuns(ctx)).toHaveLength(5);
  });
});
