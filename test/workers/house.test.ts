import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { events, runs, steps } from '../../services/db/tables.ts';
import { cancelRun } from '../../services/runs/cancel.ts';
import type { RunRow } from '../../services/schedule.ts';
import { openServerKey } from '../../services/vault/serverkey.ts';
import { House } from '../support/house.ts';
import { seedPerson } from '../support/record.ts';
import { queue, seedTarget, type Seeded } from '../support/runs.ts';

const house = new House();
const canary = 'canary-9f3c-token-that-nobody-may-see';
let redis: ReturnType<House['redis']>;
let plane: ReturnType<House['controlPlane']>;
const workers = new Map<string, ReturnType<House['worker']>>();
let target: Seeded;

beforeAll(async () => {
  await house.open();
  target = seedTarget(house.ctx);
  redis = house.redis();
  plane = house.controlPlane();
  for (const name of ['one', 'two']) workers.set(name, house.worker(name));
  await house.until(() => house.log.includes('serving'));
}, 240_000);
afterAll(() => house.close());

const work = (steps: number, more: object = {}, on = target, timeoutMs = 600_000): RunRow =>
  queue(house.ctx, on, 'audit', { steps, effects: house.effects, ...more }, timeoutMs);
const effectsOf = (run: RunRow) => house.effectLines().filter(([id]) => id === run.id);
const endings = (run: RunRow) =>
  house.ctx.db
    .select()
    .from(events)
    .where(eq(events.runId, run.id))
    .all()
    .filter((event) => /succeeded|failed|cancelled/.test(event.name));
/** Steps that the record knows to be done: what comes after a crash starts behind them. */
const recorded = (run: RunRow) =>
  house.ctx.db
    .select()
    .from(steps)
    .where(and(eq(steps.runId, run.id), eq(steps.state, 'changed')))
    .all().length;

/** Time passes for the lease of a run, until another worker has it. */
async function givenAway(run: RunRow): Promise<void> {
  const { fence } = house.row(run);
  await house.until(() => {
    house.ctx.db
      .update(runs)
      .set({ leaseUntilMs: 1 })
      .where(and(eq(runs.id, run.id), eq(runs.fence, fence), eq(runs.state, 'running')))
      .run();
    return house.row(run).fence > fence;
  });
}

async function everythingIsUp(): Promise<void> {
  expect((await house.done(work(1))).state).toBe('succeeded');
}

describe('control plane, workers and redis as processes', () => {
  test('T60 T61 a run is done; no job, dump or log holds its secret or a private key', async () => {
    const other = seedTarget(house.ctx, seedPerson(house.ctx));
    const run = work(2, { print: `password=${canary}\n`, secret: canary }, other);
    expect(await house.done(run)).toMatchObject({ state: 'succeeded', attempts: 1, signatures: 1 });
    const output = house.ctx.db.select().from(steps).where(eq(steps.runId, run.id)).all();
    expect(output.map((step) => step.outputHead)).toEqual(['password=[redacted]\n', 'password=[redacted]\n']);
    // The run's own input in the record is the test's way to hand the secret over; nothing else may hold it.
    house.ctx.db.update(runs).set({ input: '{}' }).where(eq(runs.id, run.id)).run();
    const pem = openServerKey(house.ctx, other.key).export({ format: 'der', type: 'pkcs8' });
    const folders = [join(house.data, 'redis')];
    for (const folder of folders) {
      for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
        statSync(join(folder, name)).isFile(),
      )) {
        const bytes = readFileSync(join(folder, file));
        expect(bytes.includes(canary) || bytes.includes(pem) || bytes.includes(pem.toString('base64'))).toBe(false);
      }
    }
    const log = readdirSync(join(house.data, 'redis', 'appendonlydir'), { encoding: 'utf8' }).map((name) =>
      readFileSync(join(house.data, 'redis', 'appendonlydir', name), 'utf8'),
    );
    expect(log.join('')).toContain(run.id);
    expect(house.log).not.toContain(canary);
    const record = house.ctx.db.$client.serialize();
    expect([record.includes(pem), record.includes(pem.subarray(-32))]).toEqual([false, false]);
    for (const table of ['steps', 'run_events', 'events', 'findings']) {
      expect(JSON.stringify(house.ctx.db.$client.prepare(`select * from ${table}`).all())).not.toContain(canary);
    }
  }, 240_000);

  test('kill -9 of the worker in the middle: another one goes on with the same plan, no step twice, and settles once', async () => {
    const run = work(6, { holdAt: 3 });
    const name = await house.workerOf(run);
    const { fence } = house.row(run);
    await house.until(() => recorded(run) === 3);
    const victim = workers.get(name);
    if (victim !== undefined) await house.kill(victim);
    await givenAway(run);
    house.go(run);
    expect(await house.done(run)).toMatchObject({ state: 'succeeded', attempts: 2 });
    expect(endings(run)).toHaveLength(1);
    expect(effectsOf(run).map(([, step, by]) => `${step} ${Number(by) - fence}`)).toEqual(['0 0', '1 0', '2 0', '3 1', '4 1', '5 1']);
    workers.set(name, house.worker(name));
  }, 240_000);

  test('a stalled worker that wakes up after its run was given away leaves it and settles nothing', async () => {
    const run = work(4, { holdAt: 1 });
    const name = await house.workerOf(run);
    await house.until(() => recorded(run) === 1);
    const first = house.row(run).fence;
    workers.get(name)?.kill('SIGSTOP');
    await givenAway(run);
    const { fence } = house.row(run);
    house.go(run);
    await house.done(run);
    workers.get(name)?.kill('SIGCONT');
    await house.until(() => effectsOf(run).some(([, what, by]) => what === 'left' && by === String(first)));
    expect(house.row(run)).toMatchObject({ state: 'succeeded', fence });
    expect(endings(run)).toHaveLength(1);
    await everythingIsUp();
  }, 240_000);

  test('kill -9 of the control plane in the middle: its worker waits and goes on, and the run ends once', async () => {
    const run = work(8, { holdAt: 3 });
    await house.until(() => effectsOf(run).length === 3);
    await house.kill(plane);
    house.go(run);
    await house.until(() => effectsOf(run).length === 8);
    expect(house.row(run).state).toBe('running');
    plane = house.controlPlane();
    expect(await house.done(run)).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(endings(run)).toHaveLength(1);
    expect(recorded(run)).toBe(8);
  }, 240_000);

  test('redis goes away and comes back empty: what waited and what ran is done', async () => {
    const during = work(6, { holdAt: 1 });
    await house.until(() => effectsOf(during).length === 1);
    await house.kill(redis);
    const waiting = work(1);
    const elsewhere = work(1, {}, seedTarget(house.ctx, target.actor));
    rmSync(join(house.data, 'redis'), { recursive: true });
    await house.until(() => house.log.includes('cannot ring the workers'));
    house.go(during);
    expect((await house.done(during)).state).toBe('succeeded');
    redis = house.redis();
    for (const run of [waiting, elsewhere]) expect((await house.done(run)).state).toBe('succeeded');
  }, 240_000);

  test('cancel reaches a running run; its server is free for the next one', async () => {
    const run = work(100, { holdAt: 1 });
    await house.until(() => effectsOf(run).length === 1);
    cancelRun(house.ctx, target.actor, run.id);
    expect((await house.done(run)).state).toBe('cancelled');
    await everythingIsUp();
  }, 240_000);

  test('a run that is out of time fails with timed_out', async () => {
    const run = work(2, { holdAt: 0 }, target, 1_500);
    expect(JSON.parse((await house.done(run)).fault ?? '{}')).toMatchObject({ code: 'timed_out' });
  }, 240_000);

  test('10 MB of output and binary output: first and last part, size known, valid text', async () => {
    const run = work(1, { print: '\0\u001b[31m€', times: 1_000_000 });
    expect((await house.done(run)).state).toBe('succeeded');
    const step = house.ctx.db.select().from(steps).where(eq(steps.runId, run.id)).get();
    expect(step?.outputBytes).toBe(1_000_000 * 11);
    expect(step?.outputTail.endsWith('[31m€')).toBe(true);
    expect(step?.outputHead).not.toContain('\0');
  }, 240_000);

  test('a second control plane on the same data folder refuses with a sentence, exit 6', () => {
    const root = join(import.meta.dirname, '../..');
    let words = '';
    try {
      execFileSync(join(root, 'bin/kipper'), ['serve'], { env: house.environment, stdio: 'pipe' });
    } catch (thrown) {
      const { status, stderr } = thrown as { status: number; stderr: Buffer };
      words = `${status} ${stderr.toString()}`;
    }
    expect(words).toMatch(/^6 (?:kipper: bundling\n)?kipper: another Kipper uses the data folder/);
  }, 240_000);
});
