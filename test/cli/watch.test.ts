import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunFeed } from '../../core/feed.ts';
import { runs, steps } from '../../services/db/tables.ts';
import { wakeWatchers, writeFeed } from '../../services/runs/feed.ts';
import { queueRun } from '../../services/schedule.ts';
import { seedServer } from '../support/record.ts';
import { kip, openPlane, start, type Plane } from './kip.ts';

let plane: Plane;
let dir: string;
let id: string;
beforeAll(async () => {
  plane = await openPlane();
  dir = plane.signedIn();
});
afterAll(() => plane.close());
beforeEach(() => {
  const { ctx, actor } = plane;
  const server = seedServer(ctx, actor);
  id = queueRun(ctx, actor, { organizationId: actor.organizationId, kind: 'audit', serverId: server.id, input: {}, timeoutMs: 60_000 }).id;
});

function feed(...events: RunFeed[]): void {
  writeFeed(plane.ctx, id, events);
  wakeWatchers(id);
}

function settle(
  state: 'succeeded' | 'failed' | 'cancelled',
  fault?: { code: 'step_failed' | 'conflict'; message: string; hint: string },
): void {
  plane.ctx.db
    .update(runs)
    .set({
      state,
      settledAtMs: plane.ctx.now(),
      result: JSON.stringify({ changed: 1 }),
      ...(fault === undefined ? {} : { fault: JSON.stringify(fault) }),
    })
    .where(eq(runs.id, id))
    .run();
  feed({ type: 'state', state, ...(fault === undefined ? {} : { fault }) });
}

const planned: RunFeed = {
  type: 'planned',
  hash: 'ab'.repeat(32),
  steps: [
    { index: 0, id: 'one', title: 'opens the door' },
    { index: 1, id: 'two', title: 'shuts the \u001b[31m\u001b]0;evil\u0007 door' },
  ],
};
const did = (index: number, durationMs: number): RunFeed => ({ type: 'step', index, state: 'changed', durationMs });

describe('kip run watch', () => {
  it('shows live steps with durations, ends with the run, and lets no control character through', async () => {
    const running = await start(dir, ['run', 'watch', id]);
    feed(planned, did(0, 1234));
    await running.until('opens the door  1.2 s');
    feed(did(1, 80), { type: 'warning', text: 'mind the gap' });
    settle('succeeded');
    const said = await running.done;
    expect(said).toMatchObject({ exit: 0, stdout: 'audit succeeded\n' });
    expect(said.stderr).toContain('! mind the gap');
    expect(said.stderr).toMatch(/shuts the .*evil.* door {2}80 ms/);
    expect(said.stderr).not.toMatch(/\u001b\]|\u0007/);
  });

  it('resumes where it was when the connection drops, without a gap and without a repetition', async () => {
    const running = await start(dir, ['run', 'watch', id]);
    feed(planned, did(0, 10));
    await running.until('opens the door');
    plane.server.closeAllConnections();
    feed(did(1, 20));
    await running.until('shuts the');
    plane.server.closeAllConnections();
    settle('succeeded');
    const said = await running.done;
    expect(said.exit).toBe(0);
    expect(said.stderr.match(/opens the door/g)).toHaveLength(1);
    expect(said.stderr.match(/shuts the/g)).toHaveLength(1);
    expect(plane.seen.filter((request) => request === `GET /v1/runs/${id}/events`).length).toBeGreaterThan(1);
  });

  it('Ctrl-C detaches with 130 and the line to come back with; the run goes on', async () => {
    const running = await start(dir, ['run', 'watch', id]);
    feed(planned, did(0, 10));
    await running.until('opens the door');
    running.child.kill('SIGINT');
    const said = await running.done;
    expect(said).toMatchObject({ exit: 130, stdout: '' });
    expect(said.stderr).toContain(`kip run watch ${id}`);
    expect(said.stderr).not.toMatch(/\n\s+at /);
    expect(plane.ctx.db.select().from(runs).where(eq(runs.id, id)).get()?.state).toBe('queued');
  });

  it('a failed run exits 9 with its fault, its hint and the transcript, whatever the code of the fault', async () => {
    const running = await start(dir, ['run', 'watch', id]);
    feed(planned, {
      type: 'step',
      index: 0,
      state: 'failed',
      durationMs: 5,
      fault: { code: 'step_failed', message: 'the hinge is stuck' },
    });
    settle('failed', { code: 'conflict', message: 'the hinge is stuck', hint: 'oil it' });
    const said = await running.done;
    expect(said).toMatchObject({ exit: 9, stdout: '' });
    expect(said.stderr).toContain(`kip: the hinge is stuck\n     oil it\n     transcript: kip run show ${id}\n`);
    const json = await kip(dir, ['run', 'watch', id, '--json']);
    expect(json).toMatchObject({ exit: 9, stdout: '', json: { error: { code: 'conflict', message: 'the hinge is stuck' } } });
  });

  it('--json --quiet and a pipe get the answer alone', async () => {
    settle('succeeded');
    const said = await kip(dir, ['run', 'watch', id, '--json']);
    expect(said).toMatchObject({ exit: 0, stderr: '', json: { id, state: 'succeeded' } });
    expect(await kip(dir, ['run', 'watch', '--quiet'])).toEqual({ exit: 0, stdout: 'audit succeeded\n', stderr: '', json: undefined });
  });
});

describe('kip run show', () => {
  it('shows every step, with command and output where it failed or where it is asked for', async () => {
    const { ctx } = plane;
    const row = (position: number, state: 'changed' | 'failed', output: string) => ({
      runId: id,
      position,
      stepId: `s${position}`,
      kind: 'shell',
      title: `step ${position}`,
      state,
      exitCode: state === 'failed' ? 3 : 0,
      durationMs: 1500,
      outputHead: output,
      outputBytes: output.length,
    });
    ctx.db
      .insert(steps)
      .values([row(0, 'changed', 'all is well\n'), row(1, 'failed', 'the hinge is stuck\n')])
      .run();
    const [short, long, json] = await Promise.all([
      kip(dir, ['run', 'show', id]),
      kip(dir, ['run', 'show', id, '--output']),
      kip(dir, ['run', 'show', '--json']),
    ]);
    expect(short.stdout).toMatch(
      /1 {2}changed {4}step 0 {2}1\.5 s[\s\S]*2 {2}failed {5}step 1 {2}1\.5 s {2}exit 3\n {5}the hinge is stuck/,
    );
    expect(short.stdout).not.toContain('all is well');
    expect(long.stdout).toContain('     all is well\n');
    expect(json.json.id).toBe(id);
    expect(json.json.steps).toHaveLength(2);
  });
});
