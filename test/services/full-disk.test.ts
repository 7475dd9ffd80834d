import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultCodes } from '../../core/fault.ts';
import { readConfig } from '../../services/config.ts';
import { runs } from '../../services/db/tables.ts';
import { makeApp } from '../../services/http/app.ts';
import { issueAccessToken } from '../../services/people/tokens.ts';
import { reconcile } from '../../services/reconcile.ts';
import { openRecord, type OpenRecord } from '../../services/record.ts';
import { heartbeat } from '../../services/runs/heartbeat.ts';
import { writeRecords } from '../../services/runs/records.ts';
import { settleRun } from '../../services/runs/settle.ts';
import { ask } from '../support/http.ts';
import type { TestContext } from '../support/record.ts';
import { claimed, queue, seedTarget, seedWorker } from '../support/runs.ts';

const disk = mkdtempSync(join(tmpdir(), 'kipper-disk-'));
const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
const why = mounted ? '' : ' (skipped: a small tmpfs needs root and the right to mount)';
let record: OpenRecord;
let ctx: TestContext;

beforeAll(async () => {
  if (!mounted) return;
  record = await openRecord(readConfig({ KIPPER_DATA: join(disk, 'data'), KIPPER_KEY_FILE: join(disk, 'key') }), () => {});
  const clock = { nowMs: Date.now() };
  ctx = Object.assign(record.ctx, { clock, now: () => clock.nowMs, rings: { count: 0 }, dir: disk, close: () => {} });
});
afterAll(() => {
  if (mounted) {
    record.close();
    execFileSync('umount', [disk]);
  }
  rmSync(disk, { recursive: true, force: true });
});

/** Leaves not one block: what SQLite could write into its log without asking for more is given back first. */
function fill(): void {
  ctx.db.$client.pragma('wal_checkpoint(TRUNCATE)');
  const fd = openSync(join(disk, 'filler'), 'w');
  try {
    for (let bytes = 65_536; bytes >= 1; bytes = Math.floor(bytes / 2)) writeUntilFull(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

function writeUntilFull(fd: number, bytes: number): void {
  try {
    for (;;) if (writeSync(fd, Buffer.alloc(bytes)) < bytes) return;
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'ENOSPC' });
  }
}

describe.skipIf(!mounted)(`a full disk under the control plane${why}`, () => {
  test('refuses writes with storage_full, finishes no run falsely, says it is not ready; with room again the same run ends right', async () => {
    const target = seedTarget(ctx);
    const run = queue(ctx, target);
    const { token } = claimed(ctx, seedWorker(ctx), run);
    const waiting = queue(ctx, target);
    const access = await issueAccessToken(ctx, target.actor.personId, target.actor.sessionId);
    const app = makeApp(ctx);
    const headers = { authorization: `Bearer ${access.token}` };
    const before = ctx.db.select().from(runs).all();
    fill();
    const full = expect.objectContaining({ code: 'storage_full' }) as Error;
    expect(() => settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 1 } })).toThrow(full);
    expect(() => heartbeat(ctx, run.id, token)).toThrow(full);
    expect(() => writeRecords(ctx, run.id, token, { seq: 1, records: [{ type: 'note', text: 'hello' }] })).toThrow(full);
    const written = await ask(app, 'POST', '/v1/projects', { name: 'shop' }, headers);
    expect([written.status, written.json]).toEqual([507, expect.objectContaining({ code: 'storage_full' })]);
    expect((await ask(app, 'GET', '/readyz', undefined, {})).status).toBe(503);
    expect((await ask(app, 'GET', '/v1/runs', undefined, headers)).json.items).toHaveLength(2);
    ctx.clock.nowMs += 10 * 60_000;
    expect(() => reconcile(ctx)).toThrow();
    expect(ctx.db.select().from(runs).all()).toEqual(before);
    expect(faultCodes.storage_full.retryable).toBe(true);

    ctx.clock.nowMs -= 10 * 60_000;
    rmSync(join(disk, 'filler'));
    expect((await ask(app, 'GET', '/readyz', undefined, {})).status).toBe(200);
    heartbeat(ctx, run.id, token);
    writeRecords(ctx, run.id, token, { seq: 1, records: [{ type: 'note', text: 'hello' }] });
    settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 1 } });
    expect(ctx.db.select().from(runs).where(eq(runs.id, run.id)).get()?.state).toBe('succeeded');
    expect(ctx.db.select().from(runs).where(eq(runs.id, waiting.id)).get()?.state).toBe('queued');
    expect((await ask(app, 'POST', '/v1/projects', { name: 'shop' }, headers)).status).toBe(201);
    expect(ctx.db.$client.pragma('integrity_check', { simple: true })).toBe('ok');
  }, 60_000);

  test('a start on a full disk refuses with a sentence', async () => {
    const folder = join(disk, 'other');
    fill();
    await expect(openRecord(readConfig({ KIPPER_DATA: folder, KIPPER_KEY_FILE: join(disk, 'other.key') }), () => {})).rejects.toMatchObject(
      { code: 'storage_full' },
    );
    rmSync(join(disk, 'filler'));
    (await openRecord(readConfig({ KIPPER_DATA: folder, KIPPER_KEY_FILE: join(disk, 'other.key') }), () => {})).close();
    expect(readFileSync(join(disk, 'other.key'), 'utf8').trim()).toHaveLength(43);
  }, 60_000);
});
