import { spawnSync } from 'node:child_process';

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Seconds that a piece of work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return (performance.now() - beganMs) / 1000;
}

/** One line for a figure with a limit; a miss is printed and is no error: the machine may be busy. */
export function against(name: string, value: number, limit: number, unit: string, digits = 2): void {
  console.log(`${name}: ${value.toFixed(digits)} ${unit} (goal <= ${limit} ${unit}) ${value <= limit ? 'met' : 'MISSED'}`);
}

/** A benchmark that lacks something says so in one line and is no failure. */
export function notRun(why: string): never {
  console.log(`not run: ${why}`);
  process.exit(0);
}

export const hasTool = (name: string): boolean => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' }).status === 0;

/** Refuses a number of rounds or hosts that is none, with a sentence. */
export function countOf(name: string, text: string, most: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  process.stderr.write(`--${name} takes numbers from 1 to ${most}\n`);
  process.exit(2);
}
