import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../../workers/session.ts';
import { type Connection, openShell } from '../../workers/ssh.ts';
import { me, say } from '../support/host-calls.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const live = new AbortController().signal;

for (const shell of ['/usr/bin/dash', '/usr/bin/bash --posix', '/usr/bin/busybox ash']) {
  describe(`the host library under ${shell}`, () => {
    let sshd: Sshd;
    let connection: Connection;
    let session: Session;
    const fence = 7;
    const file = (path: string, more: Record<string, string> = {}): Record<string, string> => ({
      ...{
        step: `x/${path}`,
        action: 'file',
        path: join(sshd.folder, path),
        owner: me,
        group: me,
        mode: '0640',
        content: 'new\n',
        title: 'writes',
      },
      ...more,
    });
    const entry = async (): Promise<string> => (await say(session, fence, 'undo_list')).stdout.slice(0, 8);

    beforeAll(async () => {
      sshd = await startSshd({ shell });
      connection = await openShell(sshd.target, sshd.sign, live);
      session = await connection.session('run_a', fence);
    });
    afterAll(() => {
      connection.close();
      sshd.stop();
    });

    test('a file step changes once, holds the second time, and its undo restores absence of file and folders', async () => {
      const data = file('new/deep/config', { content: "it's\n$HOME `id`\n" });
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 0, changed: true, stderr: '' });
      expect(readFileSync(join(sshd.folder, 'new/deep/config'), 'utf8')).toBe("it's\n$HOME `id`\n");
      expect(statSync(join(sshd.folder, 'new/deep/config')).mode & 0o777).toBe(0o640);
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 0, changed: false });
      const { stdout } = await say(session, fence, 'undo_list');
      expect(stdout).toBe('00000001\trun_a\tx/new/deep/config\t\tfile\t\twrites\n');
      expect(await say(session, fence, 'undo_entry', { entry: '00000001', force: '0' })).toMatchObject({ exit: 0, stderr: '' });
      expect(existsSync(join(sshd.folder, 'new'))).toBe(false);
      expect(await say(session, fence, 'undo_entry', { entry: '00000001', force: '0' })).toMatchObject({ exit: 0, changed: false });
    });

    test('undo gives back content, mode and time of what stood there', async () => {
      const path = join(sshd.folder, 'kept');
      writeFileSync(path, 'old without newline', { mode: 0o600 });
      const before = statSync(path);
      expect(await say(session, fence, 'step_run', file('kept'))).toMatchObject({ changed: true });
      await say(session, fence, 'undo_entry', { entry: await entry(), force: '0' });
      expect(readFileSync(path, 'utf8')).toBe('old without newline');
      expect(statSync(path).mode).toBe(before.mode);
      expect(Math.floor(statSync(path).mtimeMs / 1000)).toBe(Math.floor(before.mtimeMs / 1000));
    });

    test('undo leaves alone what a person changed since, shows the difference, and gives way to force', async () => {
      const path = join(sshd.folder, 'edited');
      await say(session, fence, 'step_run', file('edited', { mode: '0644' }));
      writeFileSync(path, 'mine\n');
      const id = await entry();
      const refused = await say(session, fence, 'undo_entry', { entry: id, force: '0' });
      expect(refused).toMatchObject({ exit: 76, changed: false });
      expect(refused.stderr).toContain('-new\n');
      expect(refused.stderr).toContain('+mine\n');
      expect(readFileSync(path, 'utf8')).toBe('mine\n');
      expect(await say(session, fence, 'undo_entry', { entry: id, force: '1' })).toMatchObject({ exit: 0 });
      expect(existsSync(path)).toBe(false);
    });

    test('T66 a link, a folder, a pipe or another user’s folder in the way is refused with a sentence, and nothing changes', async () => {
      writeFileSync(join(sshd.folder, 'victim'), 'secret');
      symlinkSync(join(sshd.folder, 'victim'), join(sshd.folder, 'link'));
      mkdirSync(join(sshd.folder, 'folder'));
      execFileSync('mkfifo', [join(sshd.folder, 'pipe')]);
      mkdirSync(join(sshd.folder, 'open'));
      chmodSync(join(sshd.folder, 'open'), 0o777);
      for (const path of ['link', 'folder', 'pipe', 'open/file', 'a/../b']) {
        const said = await say(session, fence, 'step_run', { ...file(path), path: `${sshd.folder}/${path}` });
        expect([path, said.exit]).toEqual([path, path === 'a/../b' ? 64 : 73]);
        expect(said.stderr).toMatch(/^kipper: /m);
      }
      expect(readFileSync(join(sshd.folder, 'victim'), 'utf8')).toBe('secret');
      expect(readdirSync(join(sshd.folder, 'open'))).toEqual([]);
    });

    test('T64 what is written has no wider mode for one moment, and no temporary file stays', async () => {
      const big = 'x'.repeat(400_000);
      const modes = new Set<number>();
      const watch = setInterval(() => {
        for (const name of existsSync(join(sshd.folder, 'race')) ? readdirSync(join(sshd.folder, 'race')) : []) {
          const found = statSync(join(sshd.folder, 'race', name), { throwIfNoEntry: false });
          if (found !== undefined) modes.add(found.mode & 0o777);
        }
      }, 1);
      await say(session, fence, 'step_run', file('race/big', { content: big, mode: '0600' }));
      clearInterval(watch);
      expect([...modes].filter((mode) => (mode & 0o077) !== 0)).toEqual([]);
      expect(readdirSync(join(sshd.folder, 'race'))).toEqual(['big']);
    });

    test('folders and attributes are set once and given back', async () => {
      const path = join(sshd.folder, 'made/here');
      const data = { step: 'd/1', action: 'directory', path, owner: me, group: me, mode: '0750', title: 'makes' };
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ changed: true });
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 0, changed: false });
      const attributes = { ...data, step: 'd/2', action: 'attributes', mode: '0700' };
      expect(await say(session, fence, 'step_run', attributes)).toMatchObject({ changed: true });
      expect(statSync(path).mode & 0o777).toBe(0o700);
      await say(session, fence, 'undo_entry', { entry: await entry(), force: '0' });
      expect(statSync(path).mode & 0o777).toBe(0o750);
      await say(session, fence, 'undo_entry', { entry: await entry(), force: '0' });
      expect(existsSync(join(sshd.folder, 'made'))).toBe(false);
    });

    test('a step that cannot do its work puts back what it began and names the cause', async () => {
      const said = await say(session, fence, 'step_run', file('halfway/file', { owner: 'nobody-of-that-name' }));
      expect(said).toMatchObject({ exit: 70, changed: false });
      expect(existsSync(join(sshd.folder, 'halfway'))).toBe(false);
    });

    test('an artefact is asked for, checked by digest, and put in its place', async () => {
      const content = randomBytes(3 * 1024 * 1024);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const data = file('artefact', { sha256, mode: '0755' });
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 12 });
      await expect(connection.upload(Readable.from([content.subarray(1)]), content.length - 1, sha256, fence)).rejects.toMatchObject({
        reason: 'upload_damaged',
      });
      await expect(connection.upload(Readable.from([content]), content.length, sha256, fence - 1)).rejects.toMatchObject({
        code: 'superseded',
      });
      await connection.upload(Readable.from([content]), content.length, sha256, fence);
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 0, changed: true });
      expect(readFileSync(join(sshd.folder, 'artefact')).equals(content)).toBe(true);
      expect(await say(session, fence, 'step_run', data)).toMatchObject({ exit: 0, changed: false });
      expect(readdirSync(join(sshd.home, 'upload'))).toEqual([]);
    });

    test('the library that the boot guard uses is on the host, and the folder is private', () => {
      expect(statSync(sshd.home).mode & 0o777).toBe(0o700);
      expect(readFileSync(join(sshd.home, 'undo/host.sh'), 'utf8')).toContain('guard_boot()');
      rmSync(join(sshd.folder, 'artefact'));
    });

    test('the script on the host undoes everything without a worker, but not beside a live session', async () => {
      await say(session, fence, 'step_run', file('local/a'));
      const [program = '', ...words] = shell.split(' ');
      const run = (): { status: number | null; stderr: string } =>
        spawnSync(program, [...words, join(sshd.home, 'undo/host.sh'), 'undo_all'], {
          encoding: 'utf8',
          env: { ...process.env, KIPPER_HOME: sshd.home, K_force: '1' },
        });
      expect(run()).toMatchObject({ status: 78 });
      session.close();
      await expect.poll(() => run().status, { timeout: 5000 }).toBe(0);
      expect(existsSync(join(sshd.folder, 'local'))).toBe(false);
      session = await connection.session('run_a', fence);
      expect((await say(session, fence, 'undo_list')).stdout).toBe('');
    });

    test('10 MB of binary output arrives whole in order, and does not stop the session', async () => {
      let size = 0;
      let slow = 0;
      const answer = await session.step('head -c 10485760 /dev/zero | tr "\\0" "\\377"\n', async (stream, text) => {
        if (stream === 'stdout') size += text.length;
        if (slow++ < 5) await new Promise((resolve) => setTimeout(resolve, 20));
      });
      expect(answer).toEqual({ exit: 0, changed: true });
      expect(size).toBe(10485760);
    });
  });
}
