import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/house.ts';
import { childrenOf, Commands, isGone } from '../support/up.ts';

const commands = new Commands();
let listen = '';
beforeAll(async () => {
  listen = `127.0.0.1:${await freePort()}`;
});
afterAll(() => commands.close());

const start = (...words: string[]) => commands.start('bin/up', ['--data', commands.data, '--listen', listen, ...words]);
const once = (...words: string[]) => commands.once('bin/up', words);
const workerUnder = (pid: number) =>
  childrenOf(pid).find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('identity-fd'));

describe('bin/up', () => {
  test('wrong words: exit 2 and a sentence', async () => {
    const wrong = [['--bogus'], ['--workers', '0'], ['--workers', '99'], ['--public', 'http://a'], ['--public', 'https://a/b'], ['word']];
    for (const words of wrong) {
      const { code, stderr } = await once(...words, '--data', join(commands.dir, 'none'));
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^kipper: /m)]);
    }
  }, 120_000);

  test('starts all under one parent, shows the setup link; a second Kipper is refused; kill -9 of the parent leaves no child', async () => {
    const parent = start();
    await commands.until(() => commands.log.includes('/setup/kps_'));
    const children = childrenOf(parent.pid ?? 0);
    expect(children).toHaveLength(3);
    expect((await once('--data', commands.data)).code).toBe(6);
    parent.kill('SIGKILL');
    await commands.until(() => children.every(isGone));
  }, 240_000);

  test('while no person exists --setup-link makes another link, and the one before ends', async () => {
    const first = await once('--data', commands.data, '--setup-link');
    const second = await once('--data', commands.data, '--setup-link');
    const linkOf = (text: string) => /\/setup\/(kps_\S+)/.exec(text)?.[1] ?? 'none';
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(linkOf(second.stdout)).toMatch(/^kps_[A-Za-z0-9_-]{40,}$/);
    expect(linkOf(second.stdout)).not.toBe(linkOf(first.stdout));
  }, 240_000);

  test('starts again after that, restarts a worker that died, and Ctrl-C ends all in order', async () => {
    commands.log = '';
    const parent = start();
    const pid = parent.pid ?? 0;
    await commands.until(() => commands.log.includes('serving') && workerUnder(pid) !== undefined);
    process.kill(workerUnder(pid) ?? 0, 'SIGKILL');
    await commands.until(() => commands.log.includes('the worker ended (SIGKILL); starting it again'));
    await commands.until(() => workerUnder(pid) !== undefined && childrenOf(pid).length === 3);
    const children = childrenOf(pid);
    expect(await commands.stop(parent)).toBe(0);
    expect(children.every(isGone)).toBe(true);
    expect(commands.log).toContain('stopped');
  }, 240_000);
});
