import { Fault } from '../core/fault.ts';
import { Stopped } from './exit.ts';
import type { Common } from './output.ts';

const nothingDone = 'nothing was done';

/** Whether somebody is there to be asked. */
export const interactive = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

function needTerminal(what: string, instead: string): never {
  throw new Fault('invalid_input', { message: `${what} has to be asked for, and there is no terminal`, hint: instead });
}

async function unlessCancelled<T extends string | boolean>(answered: Promise<T | symbol>): Promise<T> {
  const value = await answered;
  if (typeof value === 'symbol') throw new Stopped(nothingDone, 130);
  return value as T;
}

export async function askText(message: string, instead: string): Promise<string> {
  if (!interactive()) needTerminal(message, instead);
  const { text } = await import('@clack/prompts');
  return unlessCancelled<string>(text({ message, output: process.stderr, validate: filled }));
}

/** Never shown while it is typed. */
export async function askHidden(message: string, instead: string): Promise<string> {
  if (!interactive()) needTerminal(message, instead);
  const { password } = await import('@clack/prompts');
  return unlessCancelled<string>(password({ message, output: process.stderr, validate: filled }));
}

const filled = (value: string | undefined) => (value === undefined || value === '' ? 'this is needed' : undefined);

/** A question with no as the answer of Enter. */
export async function agrees(message: string, instead: string): Promise<boolean> {
  if (!interactive()) needTerminal(message, instead);
  const prompts = await import('@clack/prompts');
  return unlessCancelled<boolean>(prompts.confirm({ message, initialValue: false, output: process.stderr }));
}

export async function confirm(common: Common, message: string): Promise<void> {
  if (common.yes) return;
  if (!(await agrees(message, 'add --yes to agree beforehand'))) throw new Stopped(nothingDone, 1);
}

/** For what cannot be taken back: the thing's own name has to be typed. */
export async function confirmName(common: Common, name: string, losses: string): Promise<void> {
  if (common.yes) return;
  if (!common.quiet) process.stderr.write(`${losses}\n`);
  const typed = await askText(`Type ${name} to go on`, 'add --yes to agree beforehand');
  if (typed !== name) throw new Stopped(`that is not ${name}; ${nothingDone}`, 1);
}

/** The first line of standard input. */
export async function firstInputLine(what: string): Promise<string> {
  let text = '';
  for await (const part of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.includes('\n') || text.length > 4096) break;
  }
  const line = (text.split('\n')[0] ?? '').replace(/\r$/, '');
  if (line === '') throw new Fault('invalid_input', { message: `${what} was expected on standard input` });
  return line;
}
