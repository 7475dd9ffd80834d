import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../core/fault.ts';
import { makeConfigDir, readState, stateFile, writeState, type State } from './config.ts';
import { exchangeJson } from './exchange.ts';
import { uninterrupted } from './interrupt.ts';

export interface SignedIn {
  person: { email: string };
  session: unknown;
  accessToken: string;
  refreshToken: string;
  accessTokenExpiresAtMs: number;
}

const earlyMs = 30_000;
const lockFile = `${stateFile}.lock`;
const longestWaitMs = 60_000;
/** A lock without a readable owner is one that died between making the file and writing its number. */
const ownerlessMs = 5_000;

const notSignedIn = () => new Fault('not_signed_in', { message: 'you are not signed in', hint: 'kip login' });

/** An access token that should be good for at least 30 s more, and is not the one that was just `refused`. */
export async function freshToken(state: State, refused: string | null = null): Promise<string> {
  if (isGood(state, refused)) return state.accessToken;
  if (state.refreshToken === null) throw notSignedIn();
  return uninterrupted(() => withLock(() => renewed(refused)));
}

function isGood(state: State, refused: string | null): state is State & { accessToken: string } {
  return state.accessToken !== null && state.accessToken !== refused && state.accessUntilMs > Date.now() + earlyMs;
}

/** Under the lock, since a refresh token can be spent once only; another kip may have done it meanwhile. */
async function renewed(refused: string | null): Promise<string> {
  const now = readState();
  if (isGood(now, refused)) return now.accessToken;
  if (now.refreshToken === null) throw notSignedIn();
  const next = await renew(now, now.refreshToken);
  writeState({ ...now, accessToken: next.accessToken, accessUntilMs: next.accessTokenExpiresAtMs, refreshToken: next.refreshToken });
  return next.accessToken;
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
  makeConfigDir();
  for (let waited = 0; !takeLock(); waited += 50) {
    if (waited > longestWaitMs)
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
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new Fault('internal', {
        message: `cannot write ${lockFile}`,
        hint: 'another folder: KIP_CONFIG_DIR=/path kip …',
        cause: thrown,
      });
    dropDeadLock();
    return false;
  }
}

/** A lock is dropped only when its owner is dead. It is moved aside first: whoever moved a live one by a race puts it back. */
function dropDeadLock(): void {
  if (!isDead(lockFile)) return;
  const aside = `${lockFile}.${process.pid}`;
  try {
    renameSync(lockFile, aside);
    if (!isDead(aside)) linkSync(aside, lockFile);
  } catch {
    // Somebody else was quicker; the next round looks again.
  }
  rmSync(aside, { force: true });
}

function isDead(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    if (!Number.isInteger(owner) || owner <= 0) return Date.now() - statSync(file).mtimeMs > ownerlessMs;
    process.kill(owner, 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
