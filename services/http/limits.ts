import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { RateLimiterMemory, RateLimiterRes, RateLimiterSQLite, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';

/** Points in a time: who guesses secrets is counted on disk, so that a restart forgives nothing. */
const budgets = {
  /** One signed-in session, all routes. */
  session: { points: 6000, seconds: 60, kept: false },
  /** One address without a valid token. */
  stranger: { points: 300, seconds: 60, kept: false },
  /** Wrong passwords for one account from one address. */
  signIn: { points: 10, seconds: 900, kept: true },
  signInAddress: { points: 50, seconds: 900, kept: true },
  setup: { points: 20, seconds: 900, kept: true },
  claim: { points: 120, seconds: 900, kept: true },
} as const;

export type Budget = keyof typeof budgets;

export interface Limits {
  /** Takes one point; Fault `rate_limited` when there is none left. */
  spend(budget: Budget, key: string): Promise<void>;
  /** Forgets what was spent, after a success. */
  clear(budget: Budget, key: string): Promise<void>;
}

/** Limits of this one control plane. What is kept lies in a file of its own: losing it loses no record. */
export function makeLimits(ctx: Context, points: Partial<Record<Budget, number>> = {}): Limits {
  const limiters = new Map<Budget, RateLimiterAbstract>();
  let file: Sqlite.Database | undefined;

  const limiterOf = (budget: Budget): RateLimiterAbstract => {
    const known = limiters.get(budget);
    if (known !== undefined) return known;
    const { seconds, kept } = budgets[budget];
    const options = { keyPrefix: budget, points: points[budget] ?? budgets[budget].points, duration: seconds };
    const limiter = kept
      ? new RateLimiterSQLite({
          ...options,
          storeClient: (file ??= openFile(join(ctx.config.dataDir, 'limits.db'))),
          storeType: 'better-sqlite3',
          tableName: 'limits',
          tableCreated: true,
          clearExpiredByTimeout: true,
        })
      : new RateLimiterMemory(options);
    limiters.set(budget, limiter);
    return limiter;
  };

  return {
    async spend(budget, key) {
      try {
        await limiterOf(budget).consume(key);
      } catch (thrown) {
        if (!(thrown instanceof RateLimiterRes)) throw thrown;
        const seconds = Math.max(1, Math.ceil(thrown.msBeforeNext / 1000));
        throw new Fault('rate_limited', {
          message: 'too many requests',
          hint: `try again in ${seconds} seconds`,
          reason: `retry_after_${seconds}`,
        });
      }
    },
    async clear(budget, key) {
      await limiterOf(budget).delete(key);
    },
  };
}

function openFile(path: string): Sqlite.Database {
  const file = new Sqlite(path);
  file.pragma('journal_mode = WAL');
  file.pragma('synchronous = NORMAL');
  file.exec('create table if not exists limits (key text primary key, points integer not null default 0, expire integer)');
  return file;
}
