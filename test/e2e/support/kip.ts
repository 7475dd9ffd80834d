import { resolve } from 'node:path';
import { type Result, type RunOptions, run } from '../../lab/shell.ts';
import type { Plane } from './plane.ts';

const program = resolve(import.meta.dirname, '../../../bin/kip');

export interface Kip {
  (args: string[], options?: RunOptions): Promise<Result>;
  /** As the call, but throws with everything that was said when kip fails. */
  must(args: string[], options?: RunOptions): Promise<string>;
  json<T>(args: string[], options?: RunOptions): Promise<T>;
}

/** bin/kip as a person runs it, with a configuration folder of its own, signed in. */
export async function signIn(plane: Plane, configDir: string): Promise<Kip> {
  const env = { KIP_CONFIG_DIR: configDir, NO_COLOR: '1' };
  const call = (args: string[], options: RunOptions = {}) =>
    run(program, args, { timeoutMs: 400_000, ...options, env: { ...env, ...options.env } });
  const must = async (args: string[], options?: RunOptions) => {
    const done = await call(args, options);
    if (done.code !== 0) throw new Error(`kip ${args.join(' ')} ended with ${done.code}:\n${done.stdout}${done.stderr}`);
    return done.stdout;
  };
  const json = async <T>(args: string[], options?: RunOptions) => JSON.parse(await must([...args, '--json'], options)) as T;
  await must(['login', '--url', plane.url, '--pin', plane.pin, '--email', plane.email, '--password-stdin'], {
    stdin: `${plane.password}\n`,
  });
  return Object.assign(call, { must, json });
}
