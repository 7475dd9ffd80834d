import type { Readable } from 'node:stream';
import type { Plan } from '../core/plan.ts';
import type { Heartbeat, RecordBatch, Settlement } from '../core/runs.ts';

/** A run's side of the control plane. Every call throws a Fault; `superseded` means that the run belongs to another worker now. */
export interface RunApi {
  heartbeat(): Promise<Heartbeat>;
  /** Freezes the plan: from now on this run executes it and no other. */
  plan(plan: Plan, hash: string): Promise<void>;
  records(batch: RecordBatch): Promise<void>;
  /** Signs an SSH authentication challenge (SSH2_MSG_USERAUTH_REQUEST); returns the signature in SSH wire format. */
  sign(challenge: Uint8Array): Promise<Uint8Array>;
  artefact(sha256: string): Promise<{ stream: Readable; bytes: number }>;
  settle(settlement: Settlement): Promise<void>;
}
