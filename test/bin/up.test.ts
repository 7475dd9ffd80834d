import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/house.ts';

const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'kipper-up-'));
const up = [join(root, 'bin/up.ts')];
let port = 0;
let log = '';
const started: ChildProcess[] = [];

beforeAll(async () => {
  port = await freePort();
});
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

function start(...words: string[]): ChildProcess {
  const child = spawn(join(root, 'bin/node'), [...up, '--data', join(dir, 'data'), '--listen', `127.0.0.1:${port}`, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  started.push(child);
  return child;
}

function once(...words: string[]): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    execFile(join(root, 'bin/node'), [...up, ...words], (thrown, _, stderr) => resolve({ code: typeof thrown?.code === 'number' ? thrown.code : 0, stderr }));
  });
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 90_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not in time\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Children that run; one that is dead and not reaped by the machine's first process does not count. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => statOf(pid)?.parent === parent);
}

function statOf(pid: number): { state: string; parent: number } | null {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return { state: words[0] ?? '', parent: Number(words[1]) };
  } catch {
    return null;
  }
}

const isGone = (pid: number) => ['Z', 'X', undefined].includes(statOf(pid)?.state);

describe('bin/up', () => {
  test('wrong words: exit 2 and a sentence', async () => {
    for (const words of [['--bogus'], ['--workers', '0'], ['--workers', '99'], ['--public', 'http://a'], ['--public', 'https://a/b'], ['word']]) {
      const { code, stderr } = await once(...words, '--data', join(dir, 'none'));
      expect([code, stderr.startsWith('kipper: ')]).toEqual([2, true]);
    }
  }, 60_000);

  test('starts all under one parent, shows the setup link once; a second one is refused; kill -9 of the parent leaves no child', async () => {
    const parent = start();
    await until(() => log.includes('/setup/kps_'));
    const children = childrenOf(parent.pid ?? 0);
    expect(children).toHaveLength(3);
    expect((await once('--data', join(dir, 'data'))).code).toBe(6);
    parent.kill('SIGKILL');
    await until(() => children.every(isGone));
  }, 120_000);

  test('starts again after that, restarts a worker that died, and Ctrl-C ends all in order', async () => {
    log = '';
    const parent = start();
    await until(() => log.includes('serving'));
    const worker = childrenOf(parent.pid ?? 0).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('identity-fd'));
    process.kill(worker ?? 0, 'SIGKILL');
    await until(() => log.includes('the worker ended (SIGKILL); starting it again'));
    await until(() => childrenOf(parent.pid ?? 0).length === 3);
    const children = childrenOf(parent.pid ?? 0);
    const ended = new Promise((resolve) => parent.once('exit', resolve));
    parent.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(children.every(isGone)).toBe(true);
  }, 120_000);
});
