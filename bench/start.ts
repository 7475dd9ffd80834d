import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { enrolmentScript } from '../bootstrap/enrol.ts';
import { must } from '../test/lab/shell.ts';
import { atEnd, gone, scratch } from './stage/ending.ts';
import { against, countOf, hasTool, median, notRun, timed } from './stage/figures.ts';

/**
 * From `git clone` of what is committed here to an answer, with npm's cache warm; a warm start to ready; the memory of the
 * idle tree (PSS: shared pages are counted once); the size of the enrolment script.
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, clones: { type: 'string', default: '3' } } });
const rounds = countOf('rounds', values.rounds, 50);
const clones = countOf('clones', values.clones, 20);
const root = join(import.meta.dirname, '..');
const idleMs = 5000;
const startLimitMs = 180_000;

interface Started {
  child: ChildProcess;
  stop(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const answers = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = get(url, { timeout: 1000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once('error', () => resolve(false)).once('timeout', () => asked.destroy());
  });

/** Runs bin/up of a checkout until it answers at a path. */
async function up(checkout: string, data: string, path: string): Promise<Started> {
  const port = await freePort();
  const child = spawn(join(checkout, 'bin/up'), ['--data', data, '--listen', `127.0.0.1:${port}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A group of its own: what bin/up has just started, such as npm, ends with it.
  atEnd(() => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM');
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-2000)));
  const until = performance.now() + startLimitMs;
  while (!(await answers(`http://127.0.0.1:${port}${path}`))) {
    if (child.exitCode !== null || performance.now() > until) throw new Error(`bin/up does not answer: ${said}`);
    await sleep(10);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await gone(child);
  };
  return { child, stop };
}

/** A process and everything below it. */
function treeOf(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }];
      } catch {
        return [];
      }
    });
  const below = (from: number): number[] => [from, ...parents.filter((each) => each.parent === from).flatMap((each) => below(each.pid))];
  return below(pid);
}

function pssMib(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Each process of the tree by its name, and the sum. */
function memoryOf(pid: number): { sum: number; parts: string } {
  const parts = treeOf(pid).map((each) => ({
    name: readFileSync(`/proc/${each}/cmdline`, 'utf8').split('\0').slice(0, 6),
    mib: pssMib(each),
  }));
  const named = parts.map(
    ({ name, mib }) => `${['serve', 'work'].find((word) => name.includes(word)) ?? (name[0] ?? '').split('/').at(-1)} ${mib.toFixed(0)}`,
  );
  return { sum: parts.reduce((sum, part) => sum + part.mib, 0), parts: named.join(', ') };
}

async function measureClones(folder: string): Promise<{ seconds: number[]; checkout: string }> {
  const seconds: number[] = [];
  let checkout = '';
  // The first one only warms npm's cache.
  for (let round = 0; round <= clones; round += 1) {
    checkout = join(folder, `clone-${round}`);
    const data = join(folder, `data-${round}`);
    let started: Started | undefined;
    const took = await timed(async () => {
      await must('git', ['clone', '--quiet', root, checkout]);
      started = await up(checkout, data, '/healthz');
    });
    await started?.stop();
    if (round > 0) seconds.push(took);
    if (round < clones) await must('rm', ['-rf', checkout, data]);
  }
  return { seconds, checkout };
}

/** The longest that a person gets: a long name and address, a pinned certificate. */
function scriptKib(): number {
  const text = enrolmentScript({
    url: `https://${'control-plane.'.repeat(4)}example.com:8443`,
    enrolmentId: `enr_${'0'.repeat(26)}`,
    serverName: 'a'.repeat(63),
    publicKey: `ssh-ed25519 ${'A'.repeat(68)} kipper`,
    pin: `sha256//${'A'.repeat(43)}=`,
  });
  return Buffer.byteLength(text) / 1024;
}

for (const tool of ['git', 'redis-server', 'npm']) if (!hasTool(tool)) notRun(`${tool} is missing`);
const folder = scratch();
const { seconds, checkout } = await measureClones(folder);
against(`clone to answer, npm cache warm [${clones} rounds]`, median(seconds), 60, 's', 1);
const starts: number[] = [];
const idle: ReturnType<typeof memoryOf>[] = [];
const data = join(folder, 'data');
for (let round = -1; round < rounds; round += 1) {
  let started: Started | undefined;
  const took = await timed(async () => (started = await up(checkout, data, '/readyz')));
  if (round >= 0) starts.push(took);
  if (round >= rounds - 3 && started?.child.pid !== undefined) {
    await sleep(idleMs);
    idle.push(memoryOf(started.child.pid));
  }
  await started?.stop();
}
against(`warm start to ready [${rounds} rounds]`, median(starts), 1, 's');
against(`idle memory of the tree, PSS [${idle.length} rounds]`, median(idle.map(({ sum }) => sum)), 180, 'MiB', 0);
console.log(`  ${idle.at(-1)?.parts ?? ''} MiB`);
against('enrolment script', scriptKib(), 20, 'KiB', 1);
