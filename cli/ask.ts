import { readFileSync } from 'node:fs';
import { Fault } from '../core/fault.ts';
import type { Common } from './output.ts';

const interactive = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

function needTerminal(what: string, instead: string): never {
  throw new Fault('invalid_input', { message: `${what} has to be asked for, and there is no terminal`, hint: instead });
}

async function unlessCancelled<T extends string | boolean>(answered: Promise<T | symbol>): Promise<T> {
  const value = await answered;
  if (typeof value === 'symbol') throw new Fault('cancelled', 'nothing was done');
  return value as T;
}

export async function askText(message: string, instead: string): Promise<string> {
  if (!interactive()) needTerminal(message, instead);
  const { text } = await import('@clack/prompts');
  return unlessCancelled<string>(text({ message, output: process.stderr }));
}

/** Never shown while it is typed. */
export async function askHidden(message: string, instead: string): Promise<string> {
  if (!interactive()) needTerminal(message, instead);
  const { password } = await import('@clack/prompts');
  return unlessCancelled<string>(password({ message, output: process.stderr }));
}

export async function confirm(common: Common, message: string): Promise<void> {
  if (common.yes) return;
  if (!interactive()) needTerminal(message, 'add --yes to agree beforehand');
  const prompts = await import('@clack/prompts');
  const agreed = await unlessCancelled<boolean>(prompts.confirm({ message, initialValue: false, output: process.stderr }));
  if (!agreed) throw new Fault('cancelled', 'nothing was done');
}

/** For what cannot be taken back: the thing's own name has to be typed. */
export async function confirmName(common: Common, name: string, losses: string): Promise<void> {
  if (common.yes) return;
  if (!common.quiet) process.stderr.write(`${losses}\n`);
  const typed = await askText(`Type ${name} to go on`, 'add --yes to agree beforehand');
  if (typed !== name) throw new Fault('cancelled', { message: `that is not ${name}; nothing was done` });
}

/** The first line of standard input. */
export function firstInputLine(what: string): string {
  const line = readFileSync(0, 'utf8').split('\n')[0] ?? '';
  if (line === '') throw new Fault('invalid_input', { message: `${what} was expected on standard input` });
  return line;
}
