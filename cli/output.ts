import { Fault, toFault } from '../core/fault.ts';
import { environment } from './config.ts';
import { exitOf } from './exit.ts';

/** What every command takes. */
export interface Common {
  json: boolean;
  quiet: boolean;
  yes: boolean;
  project?: string;
  /** Environment names; entries with `=` are variables of an app. */
  env: string[];
  cluster?: string;
}

const colours = { dim: 2, red: 31, green: 32, yellow: 33, bold: 1 } as const;

/** Colour on a terminal only, and never against NO_COLOR. */
export function paint(colour: keyof typeof colours, text: string, stream: NodeJS.WriteStream = process.stderr): string {
  return stream.isTTY && !environment.noColor ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
}

/** Text of others can hold control characters; a terminal gets none of them but the colours that `paint` makes. */
export function clean(text: string): string {
  return text.replaceAll(
    /\u001b(?!\[(?:0|1|2|31|32|33)m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    '\uFFFD',
  );
}

/** How it goes, on standard error: standard output holds the answer alone. */
export function say(common: Pick<Common, 'quiet' | 'json'>, text: string): void {
  if (!common.quiet && !common.json) process.stderr.write(`${clean(text)}\n`);
}

/** The answer itself: exact JSON of the API with --json, otherwise what a person reads. */
export function answer(common: Common, value: unknown, human: () => string): void {
  if (common.json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else process.stdout.write(`${clean(human())}\n`);
}

/** Columns as wide as their widest cell; an empty list says what to do next. */
export function table(head: string[], rows: string[][], empty: string): string {
  if (rows.length === 0) return empty;
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(head.map((title) => title.toUpperCase())), ...rows.map(line)].join('\n');
}

/** A list of named values, one a line. */
export function card(entries: [string, string | null | undefined][]): string {
  const shown = entries.filter((entry): entry is [string, string] => entry[1] !== null && entry[1] !== undefined && entry[1] !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

export function when(ms: number | null): string {
  return ms === null ? '-' : new Date(ms).toISOString().replace('T', ' ').slice(0, 16);
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '';
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Tells a failure and gives the exit code of the one table. */
export function fail(json: boolean, thrown: unknown): number {
  const fault = thrown instanceof Fault ? thrown : unexpected(thrown);
  if (json) process.stderr.write(`${JSON.stringify({ error: fault.view() })}\n`);
  else process.stderr.write(`${clean(faultText(fault))}\n`);
  return exitOf(fault);
}

/** One line of what was not foreseen, and never a stack trace. */
function unexpected(thrown: unknown): Fault {
  const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message.split('\n')[0]}` : 'no reason was given';
  return new Fault('internal', {
    message: `kip met something that it did not foresee (${words})`,
    hint: 'try again; if it stays, please report this line',
    cause: toFault(thrown),
  });
}

export function faultText(fault: Fault): string {
  const hints = fault.hint === undefined ? [] : fault.hint.split('\n').map((line) => `     ${line}`);
  return [`${paint('red', 'kip:')} ${fault.message}`, ...hints].join('\n');
}
