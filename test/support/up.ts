import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** The shipped commands in a folder of their own; what was started ends with `close`. */
export class Commands {
  readonly dir = mkdtempSync(join(tmpdir(), 'kipper-bin-'));
  readonly data = join(this.dir, 'data');
  readonly keyFile = `${this.data}.key`;
  /** What the started ones printed. */
  log = '';
  readonly #started: ChildProcess[] = [];

  start(command: 'bin/up' | 'bin/kipper', words: string[], environment: Record<string, string> = {}): ChildProcess {
    const child = spawn(join(root, command), words, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment(environment) });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    this.#started.push(child);
    return child;
  }

  /** Runs a command to its end. What bin/prepare says, when a source was changed meanwhile, is not the command's. */
  once(command: string, words: string[], environment: Record<string, string> = {}, input = ''): Promise<Ended> {
    return new Promise((resolve) => {
      const child = execFile(
        command.startsWith('bin/') ? join(root, command) : command,
        words,
        { env: this.#environment(environment) },
        (thrown, stdout, stderr) =>
          resolve({
            code: thrown === null ? 0 : typeof thrown.code === 'number' ? thrown.code : -1,
            stdout,
            stderr: stderr.replace(/^kipper: bundling\n/, ''),
          }),
      );
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }

  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + 90_000;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`not in time\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends what `start` began as Ctrl-C does; the exit code. */
  stop(child: ChildProcess): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    return ended;
  }

  close(): void {
    for (const child of this.#started) child.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #environment(more: Record<string, string>): NodeJS.ProcessEnv {
    return { ...process.env, KIPPER_DATA: this.data, ...more };
  }
}

/** Children that run; one that is dead and not reaped by the machine's first process does not count. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent);
}

export function isGone(pid: number): boolean {
  return ['Z', 'X', undefined].includes(statOf(pid)?.state);
}

function statOf(pid: number): { state: string; parent: number } | null {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return { state: words[0] ?? '', parent: Number(words[1]) };
  } catch {
    return null;
  }
}
