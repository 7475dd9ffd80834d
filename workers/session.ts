import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { StringDecoder } from 'node:string_decoder';
import type { ClientChannel } from 'ssh2';
import { hostLibrary, probeScript } from '../bootstrap/bundle.ts';
import { Fault } from '../core/fault.ts';
import { probeMaxBytes } from '../core/probe.ts';
import type { Target } from '../core/runs.ts';
import { assign, call } from '../core/shell.ts';
import { MarkerScanner } from './marker.ts';
import { hostFault, sessionReason } from './reasons.ts';

export type Output = (stream: 'stdout' | 'stderr', text: string) => void | Promise<void>;

interface StepAnswer {
  /** 0 when the step holds now; otherwise an exit code of the host library (bootstrap/parts/host/00-base.sh). */
  exit: number;
  changed: boolean;
}

/** A root shell on the host that holds its lease. One call at a time. */
export interface Session {
  /** Runs one call (core/shell.ts). Rejects with a Fault `host_unreachable` when the connection ends first. */
  step(call: string, onOutput: Output): Promise<StepAnswer>;
  /** The probes' raw answer, for `parseSections`. */
  probe(names: readonly string[]): Promise<string>;
  close(): void;
}

const openTimeoutMs = 45_000;
const stderrKeep = 4096;
const exitCodeMs = 2_000;

/** Starts the library on a root shell's channel and takes the host's lease for this run and fence. */
export async function startSession(channel: ClientChannel, target: Target, run: string, fence: number): Promise<Session> {
  const shell = new HostShell(channel, target);
  const library = hostLibrary();
  const text = `${library}${assign({ run, fence: String(fence), library })}session_start </dev/null\n`;
  let stderr = '';
  let noise = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    shell.close();
  }, openTimeoutMs);
  try {
    const { exit } = await shell.run(text, (stream, words) => {
      if (stream === 'stderr') stderr = (stderr + words).slice(0, stderrKeep);
      // The library says nothing on stdout while it starts: whatever answers here, it is no shell.
      else if ((noise += words.length) > stderrKeep) throw hostFault(target, 'shell_broken');
    });
    if (exit !== 0) throw refusedStart(target, exit, stderr);
  } catch (thrown) {
    const lost = thrown instanceof Fault && thrown.reason === 'connection_lost';
    if (lost && !late) stderr = (stderr + (await shell.lastWords())).slice(0, stderrKeep);
    shell.close();
    if (shell.ended === null && thrown instanceof Fault && !lost) throw thrown;
    // A channel that closed without a word and without an exit code tells nothing about the shell.
    if (lost && !late && (shell.ended?.exit ?? null) === null && stderr.trim() === '') throw thrown;
    throw refusedStart(target, shell.ended?.exit ?? null, stderr, thrown);
  } finally {
    clearTimeout(timer);
  }
  return {
    step: async (text_, onOutput) => {
      const { exit } = await shell.run(text_, onOutput);
      return exit === 3 ? { exit: 0, changed: false } : { exit, changed: exit === 0 };
    },
    probe: (names) => readProbe(shell, target, names),
    close: () => shell.close(),
  };
}

function refusedStart(target: Target, exit: number | null, stderr: string, thrown?: unknown): Fault {
  if (exit === 75) return new Fault('superseded', `a newer run has taken ${target.serverName} over; this one stopped`);
  const sentence = /^kipper: (.{1,300})$/m.exec(stderr)?.[1];
  if (exit !== null && sentence !== undefined) {
    return new Fault('host_refused', {
      message: `${target.serverName}: ${sentence}`,
      reason: exit === 72 ? 'disk_full' : 'lease_refused',
      cause: thrown,
    });
  }
  return hostFault(target, sessionReason(stderr, exit), thrown ?? stderr);
}

async function readProbe(shell: HostShell, target: Target, names: readonly string[]): Promise<string> {
  const parts: string[] = [];
  let size = 0;
  const text = `(\n${probeScript(names)}) </dev/null 9>&-\n`;
  await shell.run(text, (stream, words) => {
    if (stream === 'stderr') return;
    size += words.length;
    if (size > probeMaxBytes) {
      shell.close();
      throw new Fault('host_refused', {
        message: `${target.serverName}: the answer of the probe is larger than 4 MiB`,
        reason: 'probe_malformed',
      });
    }
    parts.push(words);
  });
  return parts.join('');
}

/** Feeds a shell on a channel and tells the end of each call by a line that only this session knows. */
class HostShell {
  ended: { exit: number | null } | null = null;
  readonly #channel: ClientChannel;
  readonly #target: Target;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #scanners = { stdout: new MarkerScanner(this.#nonce), stderr: new MarkerScanner(this.#nonce) };
  #busy = false;

  constructor(channel: ClientChannel, target: Target) {
    this.#channel = channel;
    this.#target = target;
    channel.on('exit', (code: number | null) => (this.ended = { exit: code }));
    channel.on('error', () => undefined);
  }

  async run(text: string, onOutput: Output): Promise<{ exit: number }> {
    if (this.#busy) throw new Fault('internal', 'two calls of one session at the same time');
    this.#busy = true;
    try {
      const ends = [
        this.#read('stdout', this.#channel, onOutput),
        this.#read('stderr', this.#channel.stderr as Readable, onOutput),
      ] as const;
      this.#channel.write(
        `${text}K_exit=$?\nprintf '\\n%s %s\\n' ${this.#nonce} "$K_exit"\nprintf '\\n%s %s\\n' ${this.#nonce} "$K_exit" >&2\n`,
      );
      const [exit] = await Promise.all(ends);
      return { exit };
    } finally {
      this.#busy = false;
    }
  }

  /** Reads one stream up to the call's end. A slow reader of the output slows the host down: nothing piles up here. */
  #read(name: 'stdout' | 'stderr', stream: Readable, onOutput: Output): Promise<number> {
    const scanner = this.#scanners[name];
    const decoder = new StringDecoder('utf8');
    return new Promise((resolve, reject) => {
      let late: NodeJS.Timeout | undefined;
      const finish = (end: () => void): void => {
        clearTimeout(late);
        stream.off('readable', next).off('end', ending).off('close', ending).off('error', lost);
        this.#channel.off('close', lost);
        end();
      };
      const lost = (): void => finish(() => reject(hostFault(this.#target, 'connection_lost')));
      // The exit code comes between the end of the output and the close of the channel: it says why a shell ended.
      const ending = (): void => void (late ??= setTimeout(lost, exitCodeMs));
      let passing = false;
      const next = (): void => {
        if (!passing) void pass().catch((thrown: unknown) => finish(() => reject(thrown)));
      };
      const pass = async (): Promise<void> => {
        passing = true;
        for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
          const { output, exit } = scanner.push(chunk);
          const words = decoder.write(output) + (exit === undefined ? '' : decoder.end());
          if (words !== '') await onOutput(name, words);
          if (exit !== undefined) return finish(() => resolve(exit));
        }
        passing = false;
      };
      stream.on('readable', next).on('end', ending).on('close', ending).on('error', lost);
      this.#channel.on('close', lost);
      if (this.#channel.destroyed || !this.#channel.writable) return lost();
      next();
    });
  }

  /** A shell that ends before it has read its input breaks the channel first; what it said and its exit code follow. */
  async lastWords(): Promise<string> {
    for (let waited = 0; this.ended === null && waited < exitCodeMs; waited += 50) await sleep(50);
    const rest: unknown = this.#channel.stderr.read();
    return Buffer.isBuffer(rest) ? rest.toString('utf8') : '';
  }

  close(): void {
    this.#channel.end();
    this.#channel.close();
  }
}

/** One call in a root shell of its own that takes no lease: for the proof through a new connection. */
export async function runOnce(
  channel: ClientChannel,
  target: Target,
  run: string,
  fence: number,
  name: string,
  data: Record<string, string>,
  onOutput: Output,
): Promise<number> {
  const shell = new HostShell(channel, target);
  try {
    return (await shell.run(hostLibrary() + call(name, { ...data, run, fence: String(fence) }), onOutput)).exit;
  } finally {
    shell.close();
  }
}
