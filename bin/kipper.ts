import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { Fault, faultCodes, toFault } from '../core/fault.ts';

const usage = `usage: kipper serve | work | keys rotate | admin setup-link | admin reset-password EMAIL

  serve                        the control plane (settings: docs/configuration.md)
  work                         a worker
  keys rotate                  a new key file; everything sealed is sealed again (stop the control plane first)
  admin setup-link             another one-time setup link, while no person exists
  admin reset-password EMAIL   a new password, read from the terminal or from standard input
`;

interface Flags {
  workersFd: number | null;
  identityFd: number | null;
}

const people = process.stdout.isTTY === true;

async function main(words: readonly string[], flags: Flags): Promise<void> {
  switch (words.join(' ').replace(/^admin reset-password .*/, 'admin reset-password EMAIL')) {
    case 'serve': {
      const { serve } = await import('../services/main.ts');
      const localWorkers = flags.workersFd === null ? [] : linesOf(flags.workersFd);
      return stopOnSignal(await serve({ environment: process.env, localWorkers, people }));
    }
    case 'work': {
      const { work } = await import('../workers/main.ts');
      return stopOnSignal(await work({ environment: process.env, identityFd: flags.identityFd, people }));
    }
    case 'keys rotate':
      return (await import('./admin.ts')).rotateKeys();
    case 'admin setup-link':
      return (await import('./admin.ts')).setupLink();
    case 'admin reset-password EMAIL':
      return (await import('./admin.ts')).newPassword(words[2] ?? '', askPassword);
    default:
      throw new Fault('invalid_input', usage);
  }
}

function linesOf(fd: number): string[] {
  return readFileSync(fd, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function stopOnSignal(program: { stop(): Promise<void> }): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      program.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

async function askPassword(): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) process.stdout.write('New password (it is not shown): ');
  const lines = createInterface({ input: stdin, terminal: false });
  if (stdin.isTTY) stdin.setRawMode(true);
  try {
    if (!stdin.isTTY) return (await lines[Symbol.asyncIterator]().next()).value ?? '';
    return await typed();
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
    lines.close();
    stdin.destroy();
  }
}

function typed(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    process.stdin.on('data', (chunk: Buffer) => {
      for (const key of chunk.toString()) {
        if (key === '\u0003') reject(new Fault('cancelled', 'nothing was changed'));
        else if (key === '\r' || key === '\n') resolve(text);
        else text = key === '\u007f' ? text.slice(0, -1) : text + key;
      }
    });
  });
}

function readFlags(): { words: string[]; flags: Flags } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { 'workers-fd': { type: 'string' }, 'identity-fd': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    const fd = (text: string | undefined) => (text === undefined ? null : Number(text));
    if (values.help === true) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return { words: positionals, flags: { workersFd: fd(values['workers-fd']), identityFd: fd(values['identity-fd']) } };
  } catch {
    throw new Fault('invalid_input', usage);
  }
}

try {
  const { words, flags } = readFlags();
  await main(words, flags);
} catch (thrown) {
  const fault = toFault(thrown);
  process.stderr.write(
    fault.message.startsWith('usage:') ? fault.message : `kipper: ${fault.message}${fault.hint === undefined ? '' : `; ${fault.hint}`}\n`,
  );
  if (fault.code === 'internal' && fault.cause instanceof Error) process.stderr.write(`${fault.cause.stack}\n`);
  process.exit(faultCodes[fault.code].exit);
}
