import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { build } from 'esbuild';
import { settled } from '../../core/runs.ts';
import { readConfig } from '../../services/config.ts';
import type { Context } from '../../services/context.ts';
import { runs, workers } from '../../services/db/tables.ts';
import { openBeside, openRecord } from '../../services/record.ts';
import type { RunRow } from '../../services/schedule.ts';
import type { TestContext } from './record.ts';

const root = join(import.meta.dirname, '../..');

/** A control plane, workers with the test's handler and a redis, each a process of its own, in a folder of their own. */
export class House {
  readonly dir = mkdtempSync(join(tmpdir(), 'kipper-house-'));
  readonly data = join(this.dir, 'data');
  /** The programs, bundled as the shipped ones are: they start five times faster than the sources. Below the checkout, where packages are found. */
  readonly #programs = mkdtempSync(join(root, 'node_modules/.house-'));
  readonly effects = join(this.dir, 'effects');
  environment: Record<string, string | undefined> = {};
  log = '';
  ctx!: TestContext;
  readonly #children = new Set<ChildProcess>();
  #close = () => {};

  /** Makes the database, and opens it beside whatever runs. */
  async open(): Promise<void> {
    await this.#bundle();
    const port = await freePort();
    this.environment = {
      ...process.env,
      KIPPER_DATA: this.data,
      KIPPER_LISTEN: `127.0.0.1:${port}`,
      KIPPER_URL: `http://127.0.0.1:${port}`,
      KIPPER_REDIS_URL: `unix://${this.data}/redis.sock`,
    };
    const config = readConfig(this.environment);
    (await openRecord(config, () => {})).close();
    const beside = openBeside(config);
    this.#close = beside.close;
    const clock = {
      get nowMs() {
        return Date.now();
      },
      set nowMs(_: number) {},
    };
    this.ctx = Object.assign(beside.ctx as Context, { clock, rings: { count: 0 }, dir: this.dir, close: () => {} });
  }

  redis(): ChildProcess {
    mkdirSync(join(this.data, 'redis'), { recursive: true });
    return this.#start('redis-server', [
      '--port',
      '0',
      '--unixsocket',
      `${this.data}/redis.sock`,
      '--dir',
      `${this.data}/redis`,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--loglevel',
      'warning',
    ]);
  }

  controlPlane(): ChildProcess {
    return this.#start(process.execPath, [join(this.#programs, 'plane.mjs')]);
  }

  worker(name: string): ChildProcess {
    return this.#start(process.execPath, [join(this.#programs, 'worker.mjs')], { KIPPER_WORKER_KEY: `${this.data}/workers/${name}.key` });
  }

  /** The process that carries a run; workers are known by their key's name. */
  async workerOf(run: RunRow): Promise<string> {
    await this.until(() => this.row(run).state === 'running');
    const worker = this.ctx.db
      .select()
      .from(workers)
      .where(eq(workers.id, this.row(run).workerId ?? ''))
      .get();
    return worker?.name ?? '';
  }

  row(run: RunRow): RunRow {
    const row = this.ctx.db.select().from(runs).where(eq(runs.id, run.id)).get();
    if (row === undefined) throw new Error('the run is gone');
    return row;
  }

  /** Lets the worker that has the run go on from where it holds. */
  go(run: RunRow): void {
    writeFileSync(`${this.effects}-go-${run.id}-${this.row(run).fence}`, '');
  }

  async done(run: RunRow, withinMs = 90_000): Promise<RunRow> {
    await this.until(() => settled.includes(this.row(run).state), withinMs);
    return this.row(run);
  }

  async until(holds: () => boolean, withinMs = 90_000): Promise<void> {
    const end = Date.now() + withinMs;
    while (!holds()) {
      if (Date.now() > end) throw new Error(`not in time\n${this.log.slice(-4_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** What happened "on the host": run, step and fence of each line. */
  effectLines(): string[][] {
    try {
      return readFileSync(this.effects, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
    } catch {
      return [];
    }
  }

  async kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async close(): Promise<void> {
    for (const child of this.#children) await this.kill(child);
    this.#close();
    for (const folder of [this.dir, this.#programs]) rmSync(folder, { recursive: true, force: true });
  }

  async #bundle(): Promise<void> {
    await build({
      entryPoints: { plane: join(root, 'test/support/plane.ts'), worker: join(root, 'test/support/worker.ts') },
      outdir: this.#programs,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      external: ['better-sqlite3', '@node-rs/bcrypt', 'bullmq', 'ioredis', 'ssh2', 'pino', 'cpu-features'],
      logLevel: 'warning',
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    });
    for (const [from, to] of [
      ['bootstrap/parts', 'parts'],
      ['migrations', 'migrations'],
    ] as const)
      cpSync(join(root, from), join(this.#programs, to), { recursive: true });
  }

  #start(command: string, words: string[], environment: Record<string, string> = {}): ChildProcess {
    const child = spawn(command, words, { env: { ...this.environment, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    this.#children.add(child);
    return child;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
