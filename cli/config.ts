import envPaths from 'env-paths';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../core/fault.ts';

/** What kip remembers between calls: one control plane, one signed-in person. */
const state = z.strictObject({
  url: z.string(),
  /** `sha256//…` of the certificate's public key where the control plane has a certificate of its own. */
  pin: z.string().nullable(),
  email: z.string().nullable(),
  accessToken: z.string().nullable(),
  accessUntilMs: z.number(),
  refreshToken: z.string().nullable(),
  cluster: z.string().nullable(),
});
export type State = z.infer<typeof state>;

export const noState: State = {
  url: 'http://localhost:8700',
  pin: null,
  email: null,
  accessToken: null,
  accessUntilMs: 0,
  refreshToken: null,
  cluster: null,
};

/** The whole environment that kip reads. */
export const environment = {
  configDir: process.env['KIP_CONFIG_DIR'] ?? envPaths('kipper', { suffix: '' }).config,
  noColor: (process.env['NO_COLOR'] ?? '') !== '',
  /** For the person's own ssh: agent, home, terminal. */
  inherited: process.env,
};

export const stateFile = join(environment.configDir, 'kip.json');

/** The remembered state; refuses a file that others may read, since it opens the control plane. */
export function readState(): State {
  let text: string;
  try {
    const mode = statSync(stateFile).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new Fault('not_allowed', {
        message: `${stateFile} can be read by others (mode ${mode.toString(8)})`,
        hint: `chmod 600 ${stateFile}, then sign in again if somebody may have seen it`,
      });
    }
    text = readFileSync(stateFile, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return noState;
    throw thrown instanceof Fault ? thrown : unusable('read', thrown);
  }
  const parsed = state.safeParse(jsonOf(text));
  if (!parsed.success) throw new Fault('invalid_input', { message: `${stateFile} is damaged`, hint: 'remove it and run kip login' });
  return parsed.data;
}

/** Written beside and renamed, 0600 from its first byte. */
export function writeState(next: State): void {
  makeConfigDir();
  const fresh = `${stateFile}.${process.pid}`;
  try {
    writeFileSync(fresh, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
    chmodSync(fresh, 0o600);
    renameSync(fresh, stateFile);
  } catch (thrown) {
    rmSync(fresh, { force: true });
    throw unusable('write', thrown);
  }
}

export function makeConfigDir(): void {
  try {
    mkdirSync(environment.configDir, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw unusable('write', thrown);
  }
}

function unusable(verb: string, cause: unknown): Fault {
  return new Fault('internal', {
    message: `cannot ${verb} ${stateFile} (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
    hint: 'kip keeps its session there; another folder: KIP_CONFIG_DIR=/path kip …',
    cause,
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
