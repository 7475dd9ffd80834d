import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FeedEntry } from '../../../core/feed.ts';
import { freezePlan } from '../../../services/runs/plan.ts';
import { writeRecords } from '../../../services/runs/records.ts';
import { settleRun } from '../../../services/runs/settle.ts';
import { watchRun } from '../../../services/runs/watch.ts';
import { newContext, seedPerson, type TestContext } from '../../support/record.ts';
import { claimed, planOf, queue, seedTarget, seedWorker } from '../../support/runs.ts';

let ctx: TestContext;
beforeEach(() => {
  ctx = newContext();
});
afterEach(() => ctx.close());

async function all(feed: AsyncGenerator<FeedEntry>): Promise<FeedEntry[]> {
  const entries: FeedEntry[] = [];
  for await (const entry of feed) entries.push(entry);
  return entries;
}

function begun() {
  const target = seedTarget(ctx);
  const run = queue(ctx, target);
  const { token } = claimed(ctx, seedWorker(ctx), run);
  const { plan, hash } = planOf('a');
  freezePlan(ctx, run.id, token, plan, hash);
  return { actor: target.actor, run, token };
}

describe('watching a run', () => {
  test('shows what was, then what comes, and ends with the run; resuming skips what was seen', async () => {
    const { actor, run, token } = begun();
    const { signal } = new AbortController();
    const watched = all(watchRun(ctx, actor, run.id, 0, signal));
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeRecords(ctx, run.id, token, {
      seq: 1,
      records: [
        { type: 'step', index: 0, state: 'started' },
        { type: 'note', text: 'hello' },
      ],
    });
    settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 1 } });
    const entries = await watched;
    expect(entries.map((entry) => entry.event.type)).toEqual(['state', 'planned', 'step', 'note', 'state']);
    expect(entries.map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5]);
    const rest = await all(watchRun(ctx, actor, run.id, 3, signal));
    expect(rest.map((entry) => entry.seq)).toEqual([4, 5]);
  });

  test('a reader that stalls holds up neither the writer nor other readers', async () => {
    const { actor, run, token } = begun();
    const stop = new AbortController();
    const stalled = watchRun(ctx, actor, run.id, 0, stop.signal);
    await stalled.next();
    for (let seq = 1; seq <= 200; seq += 1)
      writeRecords(ctx, run.id, token, { seq, records: [{ type: 'output', index: 0, stream: 'stdout', text: 'x'.repeat(8_192) }] });
    settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 0 } });
    const entries = await all(watchRun(ctx, actor, run.id, 0, new AbortController().signal));
    expect(entries.at(-1)?.event).toMatchObject({ type: 'state', state: 'succeeded' });
    expect(entries.filter((entry) => entry.event.type === 'truncated')).toHaveLength(1);
    stop.abort();
    expect((await stalled.next()).done).toBe(true);
  });

  test('a run of another organization is as absent as a missing one', () => {
    const { run } = begun();
    expect(() => watchRun(ctx, seedPerson(ctx), run.id, 0, new AbortController().signal)).toThrow('no such run');
  });
});
