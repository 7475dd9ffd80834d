import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Connection, openShell } from '../../workers/ssh.ts';
import { me, say } from '../support/host-calls.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const live = new AbortController().signal;

describe('the lease of a host', () => {
  let sshd: Sshd;
  const open: Connection[] = [];
  const connect = async (): Promise<Connection> => {
    const connection = await openShell(sshd.target, sshd.sign, live);
    open.push(connection);
    return connection;
  };
  const file = (name: string): Record<string, string> => ({
    ...{
      step: `x/${name}`,
      action: 'file',
      path: join(sshd.folder, name),
      owner: me,
      group: me,
      mode: '0600',
      content: 'late\n',
      title: 'writes',
    },
  });
  beforeEach(async () => {
    sshd = await startSshd({ shell: '/usr/bin/dash' });
  });
  afterEach(() => {
    for (const connection of open.splice(0)) connection.close();
    sshd.stop();
  });

  test('a higher fence ends the older session with its children and its connection, even when they are stopped', async () => {
    const old = await connect();
    const session = await old.session('run_a', 3);
    const pidFile = join(sshd.folder, 'pid');
    const hanging = session.step(
      `(sleep 300 & echo $! >${pidFile}; wait; echo late >${join(sshd.folder, 'late')}) </dev/null 9>&-\n`,
      () => undefined,
    );
    hanging.catch(() => undefined);
    await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim()).toBeTruthy();
    const child = Number(readFileSync(pidFile, 'utf8'));
    const [, , leader] = readFileSync(join(sshd.home, 'lease/holder'), 'utf8').split(' ');
    execFileSync('kill', ['-STOP', leader ?? '']);
    const newer = await connect();
    const second = await newer.session('run_b', 4);
    await expect(hanging).rejects.toMatchObject({ reason: 'connection_lost' });
    expect(existsSync(`/proc/${child}`)).toBe(false);
    await expect.poll(() => old.lost.aborted).toBe(true);
    expect(await say(second, 4, 'step_run', { ...file('b'), run: 'run_b' })).toMatchObject({ changed: true });
    expect(existsSync(join(sshd.folder, 'late'))).toBe(false);
  });

  test('a lower fence gets no session and changes nothing, also after the newer one has ended', async () => {
    const newer = await connect();
    const session = await newer.session('run_b', 9);
    const late = await connect();
    await expect(late.session('run_a', 8)).rejects.toMatchObject({ code: 'superseded' });
    expect(await say(session, 9, 'step_run', { ...file('still'), run: 'run_b' })).toMatchObject({ changed: true });
    session.close();
    newer.close();
    await expect((await connect()).session('run_a', 8)).rejects.toMatchObject({ code: 'superseded' });
    await expect((await connect()).session('run_other', 9)).rejects.toMatchObject({ code: 'superseded' });
    expect(readFileSync(join(sshd.home, 'lease/holder'), 'utf8')).toMatch(/^run_b 9 /);
  });

  test('a step refuses when its fence is not the lease’s, and writes nothing', async () => {
    const session = await (await connect()).session('run_a', 5);
    writeFileSync(join(sshd.home, 'lease/holder'), 'run_z 6 1 1 1 0 0\n');
    for (const verb of ['step_run', 'step_revert', 'undo_entry', 'guard_arm', 'guard_disarm']) {
      expect(await say(session, 5, verb, file('never'))).toMatchObject({ exit: 75 });
    }
    expect(existsSync(join(sshd.folder, 'never'))).toBe(false);
  });

  test('the same run replaces its own hanging session on the same connection, which lives on', async () => {
    const connection = await connect();
    const first = await connection.session('run_a', 2);
    const hanging = first.step('sleep 300\n', () => undefined);
    hanging.catch(() => undefined);
    const second = await connection.session('run_a', 2);
    await expect(hanging).rejects.toMatchObject({ reason: 'connection_lost' });
    expect(await say(second, 2, 'step_run', file('after'))).toMatchObject({ changed: true });
    expect(connection.lost.aborted).toBe(false);
  });

  test('a process that merely has the number of the old leader is not touched', async () => {
    const bystander = execFileSync('sh', ['-c', 'setsid sleep 60 >/dev/null 2>&1 & echo $!'], { encoding: 'utf8' }).trim();
    const first = await (await connect()).session('run_a', 2);
    first.close();
    await expect.poll(() => existsSync(`/proc/${readFileSync(join(sshd.home, 'lease/holder'), 'utf8').split(' ')[2]}`)).toBe(false);
    writeFileSync(join(sshd.home, 'lease/holder'), `run_a 2 ${bystander} 1 ${bystander} ${bystander} 1\n`);
    await (await connect()).session('run_b', 3);
    expect(existsSync(`/proc/${bystander}`)).toBe(true);
    execFileSync('kill', [bystander]);
  });

  test('after a reboot the old group may be anybody’s: it is left alone', async () => {
    // A daemon whose first process has ended, as those that fork twice are: its group lives, its leader does not.
    const group = execFileSync('setsid', ['sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $$ $!'], { encoding: 'utf8' }).trim().split(' ');
    const [leader = '', child = ''] = group;
    const first = await (await connect()).session('run_a', 2);
    first.close();
    await expect.poll(() => existsSync(`/proc/${readFileSync(join(sshd.home, 'lease/holder'), 'utf8').split(' ')[2]}`)).toBe(false);
    writeFileSync(join(sshd.home, 'lease/holder'), `run_a 2 ${leader} 1 ${leader} 0 0 00000000-0000-0000-0000-000000000000\n`);
    await (await connect()).session('run_b', 3);
    expect(existsSync(`/proc/${child}`)).toBe(true);
    expect(readFileSync(join(sshd.home, 'lease/holder'), 'utf8').trim().split(' ')[7]).toBe(
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    );
    execFileSync('kill', [child]);
  });

  test('a step killed half-way is put back by the next session of the run', async () => {
    const connection = await connect();
    const session = await connection.session('run_a', 2);
    writeFileSync(join(sshd.folder, 'x'), 'before', { mode: 0o600 });
    // The entry of a step that saved and applied, and never came to its end.
    await say(session, 2, 'step_run', file('x'));
    execFileSync('rm', [join(sshd.home, 'undo/00000001/left')]);
    const second = await connection.session('run_a', 2);
    expect(await say(second, 2, 'step_revert', file('x'))).toMatchObject({ exit: 0 });
    expect(readFileSync(join(sshd.folder, 'x'), 'utf8')).toBe('before');
    expect((await say(second, 2, 'undo_list')).stdout).toBe('');
  });

  test('a resumed step that had been applied is completed, counted as changed, and saved only once', async () => {
    const connection = await connect();
    const session = await connection.session('run_a', 2);
    writeFileSync(join(sshd.folder, 'x'), 'before', { mode: 0o600 });
    await say(session, 2, 'step_run', file('x'));
    execFileSync('rm', [join(sshd.home, 'undo/00000001/left')]);
    const resumed = await connection.session('run_a', 3);
    expect(await say(resumed, 3, 'step_run', file('x'))).toMatchObject({ exit: 0, changed: true });
    await say(resumed, 3, 'undo_entry', { entry: '00000001', force: '0' });
    expect(readFileSync(join(sshd.folder, 'x'), 'utf8')).toBe('before');
  });
});
