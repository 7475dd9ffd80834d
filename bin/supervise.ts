import { spawn, type ChildProcess } from 'node:child_process';

export interface Part {
  name: string;
  command: readonly string[];
  environment: Record<string, string | undefined>;
  /** Written to the child's file descriptor 3, which is closed then. */
  secret?: string;
  stopMs: number;
}

export interface Supervised {
  stop(): Promise<void>;
  kill(): void;
}

const backOff = { firstMs: 250, lastMs: 10_000, wellAfterMs: 30_000 };
/** Exit codes of a program that refuses to start: trying again cannot help. */
const refusals = new Set([2, 6, 75]);

/**
 * Keeps one child alive. The kernel kills it when we die, however that happens (PR_SET_PDEATHSIG); a process group of its
 * own keeps a Ctrl-C of the terminal with us, so that we stop the parts in order.
 */
export function supervise(part: Part, say: (text: string) => void, refused: (part: Part, code: number) => void): Supervised {
  let child: ChildProcess | null = null;
  let over = false;
  let waitMs = backOff.firstMs;
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    const startedMs = performance.now();
    const [command = '', ...words] = ['setpriv', '--pdeathsig', 'KILL', ...part.command];
    const stdio =
      part.secret === undefined ? (['ignore', 'inherit', 'inherit'] as const) : (['ignore', 'inherit', 'inherit', 'pipe'] as const);
    child = spawn(command, words, { stdio: [...stdio], detached: true, env: part.environment });
    const pipe = child.stdio[3];
    if (pipe !== undefined && pipe !== null && 'end' in pipe) pipe.on('error', () => {}).end(part.secret);
    child.on('error', (thrown) => say(`${part.name}: ${thrown.message}`));
    child.on('close', (code, signal) => {
      child = null;
      if (over) return;
      if (code !== null && refusals.has(code)) return refused(part, code);
      if (performance.now() - startedMs > backOff.wellAfterMs) waitMs = backOff.firstMs;
      say(`the ${part.name} ended (${signal ?? `exit ${code}`}); starting it again in ${waitMs / 1000} s`);
      timer = setTimeout(start, waitMs);
      waitMs = Math.min(waitMs * 2, backOff.lastMs);
    });
  };
  start();
  return {
    stop: () => {
      over = true;
      clearTimeout(timer);
      const ending = child;
      if (ending === null || ending.exitCode !== null) return Promise.resolve();
      return new Promise((resolve) => {
        const late = setTimeout(() => ending.kill('SIGKILL'), part.stopMs);
        ending.once('close', () => {
          clearTimeout(late);
          resolve();
        });
        ending.kill('SIGTERM');
      });
    },
    kill: () => {
      over = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}
