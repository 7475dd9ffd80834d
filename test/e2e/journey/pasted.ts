import { expect, it } from 'vitest';
import type { Host } from '../../lab/hosts.ts';
import type { Result } from '../../lab/shell.ts';
import { ourFiles } from '../support/snapshot.ts';
import { watchForToken } from '../support/watch-token.ts';
import type { World } from '../support/world.ts';

export interface Invited {
  server: { id: string; state: string };
  enrolment: { id: string; line: string; token?: string };
}

/** On standard input, as a person's shell reads it: on a command line the token would be seen by everybody. */
export const paste = (host: Host, line: string, user = 'root'): Promise<Result> =>
  host.exec(user === 'root' ? 'bash -s' : `runuser -u ${user} -- bash -s`, { stdin: `${line}\n`, timeoutMs: 60_000 });

const tokenOf = (line: string): string => /KIPPER_TOKEN=(\S+?)[;'"]/.exec(line)?.[1] ?? '';

/** Rows S2, B1, T68, T73, T74: the pasted line. */
export function pastedPart(world: () => World): void {
  let line = '';
  let serverId = '';

  it('T68 a line with another pin changes nothing: the script is not even fetched', async () => {
    const { kip, pasted } = world();
    const invited = await kip.json<Invited>(['server', 'invite', 'pasted']);
    line = invited.enrolment.line;
    serverId = invited.server.id;
    const before = await pasted.sh(ourFiles);
    const done = await paste(pasted, line.replace(/sha256\/\/[^']+/, `sha256//${'A'.repeat(43)}=`));
    expect(done.stderr).toMatch(/pinned|public key/i);
    expect(await pasted.sh(ourFiles)).toBe(before);
    expect((await kip.json<{ state: string }>(['server', 'show', 'pasted'])).state).not.toBe('enrolled');
  });

  it('T73 the printed line enrols the host for somebody with sudo, and the token is in no argv and no environment', async () => {
    const { kip, pasted } = world();
    const token = tokenOf(line);
    expect(token.length).toBeGreaterThan(20);
    const watching = watchForToken(pasted.leaderPid, token);
    const done = await paste(pasted, line, 'ops');
    const { looks, found } = await watching.stop();
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(looks).toBeGreaterThan(200);
    expect(found).toEqual([]);
    expect(await kip.json(['server', 'show', 'pasted'])).toMatchObject({ id: serverId, state: 'enrolled' });
    // The worker looks by itself after an enrolment; an audit of our own comes after that.
    await kip.must(['server', 'audit', 'pasted']);
  });

  it('T74 the same line a second time is refused, and on another host too', async () => {
    const { kip, pasted, doomed } = world();
    const before = await pasted.sh(ourFiles);
    expect((await paste(pasted, line)).stderr).toContain('410');
    expect(await pasted.sh(ourFiles)).toBe(before);
    const untouched = await doomed.sh(ourFiles);
    expect((await paste(doomed, line)).stderr).toContain('410');
    expect(await doomed.sh(ourFiles)).toBe(untouched);
    expect((await kip.json<{ items: unknown[] }>(['server', 'ls'])).items).toHaveLength(2);
  });

  it('as root the line works the same, and our own key reaches the host', async () => {
    const { kip, doomed } = world();
    const invited = await kip.json<Invited>(['server', 'invite', 'doomed']);
    const done = await paste(doomed, invited.enrolment.line);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    await kip.must(['server', 'audit', 'doomed']);
    expect(await kip.json(['server', 'show', 'doomed'])).toMatchObject({ state: 'enrolled', unreachable: null });
  });
}
