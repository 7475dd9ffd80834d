import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Polls argv and environment of every process of one host until stop(), which gives the processes that showed the secret. */
export function watchForToken(leaderPid: number, token: string): { stop(): Promise<{ looks: number; found: string[] }> } {
  const space = readlinkSync(`/proc/${leaderPid}/ns/pid`);
  const found = new Set<string>();
  let looks = 0;
  const end = new AbortController();
  const look = (pid: string): void => {
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== space) return;
      looks += 1;
      for (const part of ['cmdline', 'environ'])
        if (readFileSync(`/proc/${pid}/${part}`, 'latin1').includes(token))
          found.add(`${part} of ${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}`);
    } catch {
      // ended while it was looked at
    }
  };
  const loop = async (): Promise<void> => {
    while (!end.signal.aborted) {
      for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid)) look(pid);
      await new Promise((next) => setTimeout(next, 5));
    }
  };
  const running = loop();
  return {
    stop: async () => {
      end.abort();
      await running;
      return { looks, found: [...found] };
    },
  };
}
