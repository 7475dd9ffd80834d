import { mkdirSync, openSync, closeSync, rmSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../core/fault.ts';
import { environment, readState, stateFile, writeState, type State } from './config.ts';
import { exchangeJson } from './exchange.ts';

export interface SignedIn {
  accessToken: string;
  refreshToken: string;
  accessTokenExpiresAtMs: number;
}

const earlyMs = 30_000;
const lockFile = `${stateFile}.lock`;
/** A lock that is older belongs to a kip that died. */
const staleMs = 20_000;

const notSignedIn = () => new Fault('not_signed_in', { message: 'you are not signed in', hint: 'kip login' });

/** An access token that is good for at least 30 s more; renewed under a lock, since a refresh token can be spent once only. */
export async function freshToken(state: State): Promise<string> {
  if (state.accessToken !== null && state.accessUntilMs > Date.now() + earlyMs) return state.accessToken;
  if (state.refreshToken === null) throw notSignedIn();
  return withLock(async () => {
    const now = readState();
    if (now.accessToken !== null && now.accessUntilMs > Date.now() + earlyMs) return now.accessToken;
    if (now.refreshToken === null) throw notSignedIn();
    const next = await renew(now, now.refreshToken);
    writeState({ ...now, accessToken: next.accessToken, accessUntilMs: next.accessTokenExpiresAtMs, refreshToken: next.refreshToken });
    return next.accessToken;
  });
}

async function renew(state: State, refreshToken: string): Promise<SignedIn> {
  try {
    return await exchangeJson<SignedIn>(state, '/v1/sessions/refresh', { method: 'POST', body: { refreshToken } });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'not_signed_in')
      throw new Fault('not_signed_in', { message: 'your session has ended', hint: 'kip login' });
    throw thrown;
  }
}

async function withLock<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(environment.configDir, { recursive: true, mode: 0o700 });
  for (let waited = 0; !takeLock(); waited += 50) {
    if (waited > staleMs)
      throw new Fault('in_flight', { message: 'another kip holds the session', hint: `wait for it, or remove ${lockFile}` });
    await sleep(50);
  }
  try {
    return await work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

function takeLock(): boolean {
  try {
    const lock = openSync(lockFile, 'wx', 0o600);
    writeSync(lock, String(process.pid));
    closeSync(lock);
    return true;
  } catch {
    dropStaleLock();
    return false;
  }
}

function dropStaleLock(): void {
  const made = statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs;
  if (made !== undefined && Date.now() - made > staleMs) rmSync(lockFile, { force: true });
}
