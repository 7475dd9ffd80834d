import type { Claim, RunRecord } from '../core/runs.ts';
import type { RunApi } from './api.ts';
import type { Kube } from './kube.ts';
import type { Session } from './session.ts';
import type { Connection } from './ssh.ts';

/** One claimed run, as its handler sees it. What it opens is closed by whoever made it. */
export interface Job {
  claim: Claim;
  api: RunApi;
  /** Aborted on cancel, time-out and a lost lease: stop at once, revert what is armed. */
  signal: AbortSignal;
  /** Where the target was found, once a run, and allowed: every dial goes there. */
  address(): Promise<string>;
  /** The run's one pinned SSH connection; the same one at every call until its `lost` is aborted, then a new one. */
  connection(): Promise<Connection>;
  /** Another, new connection, which the caller closes. With a signal of its own it can be had after a cancel, to put an armed step back. */
  fresh(signal?: AbortSignal): Promise<Connection>;
  /** The root shell that holds the host's lease; the same one at every call until its connection is lost. */
  session(): Promise<Session>;
  kube(): Promise<Kube>;
  /** Queues a record for sending; never blocks and never throws. */
  record(record: RunRecord): void;
  note(text: string): void;
  /** From now on this value is replaced in everything that is recorded. */
  secret(value: string): void;
}
