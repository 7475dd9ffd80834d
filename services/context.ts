import type { RunKind, Settlement } from '../core/runs.ts';
import type { Config } from './config.ts';
import type { Database } from './db/open.ts';
import type { runs } from './db/tables.ts';
import type { Vault } from './vault/vault.ts';

/** Everything a verb may reach. Clock, ids and randomness come from outside so that tests can hold them still. */
export interface Context {
  db: Database;
  vault: Vault;
  config: Config;
  /** Milliseconds since the epoch. */
  now(): number;
  random(bytes: number): Uint8Array;
  /** Asks the dispatcher to look at the record again. Never says what is in it. */
  ring(): void;
  /** What the end of a run changes in the nouns; services/settlements.ts composes it. */
  settlements?: Readonly<Record<RunKind, Settle>>;
}

/** Runs inside the transaction that settles the run. */
export type Settle = (ctx: Context, run: typeof runs.$inferSelect, settlement: Settlement) => void;
