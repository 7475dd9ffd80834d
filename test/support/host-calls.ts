import { userInfo } from 'node:os';
import { call } from '../../core/shell.ts';
import type { Session } from '../../workers/session.ts';

export const me = userInfo().username;

export interface Said {
  exit: number;
  changed: boolean;
  stdout: string;
  stderr: string;
}

/** One call of the host library on a session, with everything it said. */
export async function say(session: Session, fence: number, verb: string, data: Record<string, string> = {}): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const answer = await session.step(call(verb, { run: 'run_a', fence: String(fence), ...data }), (stream, text) => {
    said[stream] += text;
  });
  return { ...answer, ...said };
}
