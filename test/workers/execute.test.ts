import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileStep, UndoStep } from '../../core/plan.ts';
import { me } from '../support/host-calls.ts';
import { type JobOptions, type TestJob, testJob } from '../support/job.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

describe('a plan on a host', () => {
  let sshd: Sshd;
  let fence: number;
  const jobs: TestJob[] = [];
  beforeEach(async () => {
    sshd = await startSshd({ shell: '/usr/bin/dash' });
    fence = 0;
  });
  afterEach(() => {
    for (const made of jobs.splice(0)) made.close();
    sshd.stop();
  });
  const job = (more: Partial<JobOptions> = {}): TestJob => {
    const made = testJob({ target: sshd.target, sign: sshd.sign, fence: ++fence, ...more });
    jobs.push(made);
    return made;
  };
  const at = (name: string): string => join(sshd.folder, name);
  const file = (name: string, content: FileStep['content'] = { text: 'new\n' }, timeoutMs = 30_000): FileStep => ({
    kind: 'file',
    id: `t/${name}`,
    title: `write ${name}`,
    path: at(name),
    owner: me,
    group: me,
    mode: '0600',
    content,
    timeoutMs,
  });
  const undo = (entry: string, force = false): UndoStep => ({
    kind: 'undo',
    id: `u/${entry}`,
    title: `undo ${entry}`,
    entry,
    force,
    timeoutMs: 30_000,
  });
  /** A program of the host that hangs, in the place of the real one. */
  const hang = (program: string): void => {
    writeFileSync(join(sshd.home, '../bin', program), `#!/bin/sh\necho hanging >${at('hung')}\nsleep 60\n`, { mode: 0o755 });
  };

  test('the second run changes nothing and says so', async () => {
    expect(await job().execute([file('a'), file('b')])).toEqual({ changed: 2, kept: [] });
    const again = job();
    expect(await again.execute([file('a'), file('b')])).toEqual({ changed: 0, kept: [] });
    expect(again.states()).toEqual(['unchanged', 'unchanged']);
  });

  test('a resumed run leaves out what is recorded as done and checks the rest on the host', async () => {
    const first = job();
    await first.execute([file('a')]);
    rmSync(at('a'));
    const resumed = job({ runId: first.claim.runId });
    expect(await resumed.execute([file('a'), file('b')], ['changed', 'started'])).toEqual({ changed: 2, kept: [] });
    expect(existsSync(at('a'))).toBe(false);
    expect(readFileSync(at('b'), 'utf8')).toBe('new\n');
  });

  test('an artefact is sent only when the host lacks it', async () => {
    const content = randomBytes(300_000);
    const artefact = createHash('sha256').update(content).digest('hex');
    const step = file('bin', { artefact, bytes: content.length });
    expect(await job({ artefacts: { [artefact]: content } }).execute([step])).toEqual({ changed: 1, kept: [] });
    expect(readFileSync(at('bin')).equals(content)).toBe(true);
    expect(await job().execute([step])).toEqual({ changed: 0, kept: [] });
  });

  test('a step that takes too long is ended with everything it started, and what it began is put back', async () => {
    writeFileSync(at('slow'), 'before', { mode: 0o600 });
    hang('chown');
    const made = job();
    await expect(made.execute([file('slow', { text: 'late' }, 1500), file('next')])).rejects.toMatchObject({ code: 'timed_out' });
    expect(existsSync(at('hung'))).toBe(true);
    expect(made.states()).toEqual(['reverted']);
    expect(readFileSync(at('slow'), 'utf8')).toBe('before');
    expect(readdirSync(join(sshd.home, 'undo')).filter((name) => /^\d/.test(name))).toEqual([]);
  });

  test('a step that was ended and cannot be put back is recorded as failed, never as reverted', async () => {
    writeFileSync(at('a'), 'before', { mode: 0o600 });
    await job().execute([file('a')]);
    hang('cp');
    const made = job();
    await expect(made.execute([{ ...undo('00000001'), timeoutMs: 1500 }])).rejects.toMatchObject({ reason: 'not_put_back' });
    expect(existsSync(at('hung'))).toBe(true);
    expect(made.states()).toEqual(['failed']);
  });

  test('a cancel inside a step ends it at once; one between steps stops before the next', async () => {
    hang('chown');
    const made = job();
    const running = made.execute([file('slow')]);
    await expect.poll(() => existsSync(at('hung')), { timeout: 10_000 }).toBe(true);
    made.cancel.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(existsSync(at('slow'))).toBe(false);
    await expect(made.execute([file('never')])).rejects.toMatchObject({ code: 'cancelled' });
    expect(existsSync(at('never'))).toBe(false);
  });

  test('a connection that breaks inside a step is opened anew, and the step is done once', async () => {
    hang('chown');
    const made = job();
    const running = made.execute([file('x')]);
    await expect.poll(() => existsSync(at('hung')), { timeout: 10_000 }).toBe(true);
    rmSync(join(sshd.home, '../bin/chown'));
    (await made.connection()).close();
    expect(await running).toEqual({ changed: 1, kept: [] });
    expect(readFileSync(at('x'), 'utf8')).toBe('new\n');
  });

  test('undo refuses what a person changed, shows the difference, and undoes the others', async () => {
    await job().execute([file('a'), file('b')]);
    writeFileSync(at('a'), 'mine\n');
    const made = job();
    expect(await made.execute([undo('00000002'), undo('00000001')])).toEqual({ changed: 1, kept: ['undo 00000001'] });
    expect(made.states()).toEqual(['changed', 'skipped']);
    expect(readFileSync(at('a'), 'utf8')).toBe('mine\n');
    expect(existsSync(at('b'))).toBe(false);
    expect(await job().execute([undo('00000001', true)])).toEqual({ changed: 1, kept: [] });
    expect(existsSync(at('a'))).toBe(false);
  });

  test('T66 a refusal of the host is one sentence with its next step, and the plan stops there', async () => {
    mkdirSync(at('folder'));
    const made = job();
    await expect(made.execute([file('folder'), file('after')])).rejects.toMatchObject({
      code: 'host_refused',
      reason: 'path_refused',
      message: `write folder: ${at('folder')} is a folder; a plain file is expected there`,
    });
    expect(made.states()).toEqual(['failed']);
    expect(existsSync(at('after'))).toBe(false);
  });

  test('a guard that cannot be armed stops the step before anything is changed', async () => {
    const made = job();
    const step = { kind: 'shell' as const, id: 'g', title: 'guarded', action: 'file' as const, guard: 'sshd' as const, timeoutMs: 30_000 };
    writeFileSync(join(sshd.home, '../bin/systemctl'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const data = { path: at('guarded'), owner: me, group: me, mode: '0600', content: 'x' };
    await expect(made.execute([{ ...step, data }])).rejects.toMatchObject({ reason: 'not_saved' });
    expect(existsSync(at('guarded'))).toBe(false);
  });
});
