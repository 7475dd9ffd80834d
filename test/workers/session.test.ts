import { mkdirSync, readFileSync, statSync, writeFileSync, existsSync, symlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../../core/shell.ts';
import type { Session } from '../../workers/session.ts';
import { type Connection, openShell } from '../../workers/ssh.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const me = userInfo().username;
let fences = 0;

interface Said {
  exit: number;
  changed: boolean;
  stdout: string;
  stderr: string;
}

async function step(session: Session, run: string, fence: number, data: Record<string, string>, verb = 'step_run'): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const answer = await session.step(call(verb, { run, fence: String(fence), ...data }), (stream, text) => {
    said[stream] += text;
  });
  return { ...answer, ...said };
}

for (const shell of ['/usr/bin/dash', '/usr/bin/bash --posix', '/usr/bin/busybox ash']) {
  describe(`a session under ${shell}`, () => {
    let sshd: Sshd;
    let connection: Connection;
    beforeAll(async () => {
      sshd = await startSshd({ shell });
      connection = await openShell(sshd.target, sshd.sign, new AbortController().signal);
    });
    afterAll(() => {
      connection.close();
      sshd.stop();
    });

    test('a file step changes once, holds the second time, and its undo restores content, mode and absence', async () => {
      const fence = ++fences;
      const session = await connection.session('run_a', fence);
      const path = join(sshd.folder, 'new/deep/config');
      const data = { step: 'x/file', action: 'file', path, owner: me, group: me, mode: '0640', content: "it's\n$HOME `id`\n", title: 'writes' };
      expect(await step(session, 'run_a', fence, data)).toMatchObject({ exit: 0, changed: true });
      expect(readFileSync(path, 'utf8')).toBe("it's\n$HOME `id`\n");
      expect(statSync(path).mode & 0o777).toBe(0o640);
      expect(await step(session, 'run_a', fence, data)).toMatchObject({ exit: 0, changed: false });
      const list = await step(session, 'run_a', fence, {}, 'undo_list');
      expect(list.stdout).toMatch(/^00000001\trun_a\tx\/file\t\tfile\t\twrites\n$/);
      expect(await step(session, 'run_a', fence, { entry: '00000001', force: '0' }, 'undo_entry')).toMatchObject({ exit: 0, stderr: '' });
      expect(existsSync(join(sshd.folder, 'new'))).toBe(false);
      session.close();
    });
  });
}
