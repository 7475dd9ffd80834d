import { setTimeout as sleep } from 'node:timers/promises';
import { faultCodes, toFault, type Fault } from '../core/fault.ts';
import type { RunRecord } from '../core/runs.ts';
import type { RunApi } from './api.ts';
import { Redactor } from './redact.ts';

const everyMs = 200;
const batchBytes = 64 * 1024;
const batchRecords = 1_000;
/** While the control plane is away a step may go on printing: more than this is counted, not kept. */
const pendingBytes = 32 * 1024 * 1024;
const retryMs = { first: 200, last: 5_000 };

interface Pending {
  record: RunRecord;
  bytes: number;
}

/** Sends what a run records: in order, redacted, in batches, again until it arrived. */
export class Recorder {
  readonly redactor = new Redactor();
  readonly #api: Pick<RunApi, 'records'>;
  readonly #lost: (fault: Fault) => void;
  #pending: Pending[] = [];
  #bytes = 0;
  #left = 0;
  /** How many of the pending ones are on their way: those may not change. */
  #inFlight = 0;
  #seq = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | null = null;
  #over = false;

  /** `lost` is called once, when the control plane refuses the records for good. */
  constructor(api: Pick<RunApi, 'records'>, lost: (fault: Fault) => void) {
    this.#api = api;
    this.#lost = lost;
  }

  record(record: RunRecord): void {
    if (record.type === 'output') {
      this.#output(record.index, record.stream, this.redactor.pass(streamOf(record), record.text));
      return;
    }
    if (record.type === 'step') {
      for (const stream of ['stdout', 'stderr'] as const)
        this.#output(record.index, stream, this.redactor.flush(streamOf({ index: record.index, stream })));
    }
    this.#push(this.redactor.deep(record));
  }

  /** Resolves when everything has arrived, or cannot any more. */
  async drain(): Promise<void> {
    while (!this.#over && (this.#pending.length > 0 || this.#sending !== null)) await (this.#sending ?? this.#send());
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #output(index: number, stream: 'stdout' | 'stderr', text: string): void {
    for (let at = 0; at < text.length; at += batchBytes) {
      this.#push({ type: 'output', index, stream, text: text.slice(at, at + batchBytes).replaceAll('\0', '\uFFFD') });
    }
  }

  #push(record: RunRecord): void {
    if (this.#over) return;
    const bytes = record.type === 'output' ? Buffer.byteLength(record.text) + 60 : Buffer.byteLength(JSON.stringify(record));
    if (record.type === 'output' && this.#bytes + bytes > pendingBytes) {
      this.#left += bytes;
      return;
    }
    if (this.#left > 0) {
      const text = `${this.#left} bytes of output were not kept: the control plane did not answer`;
      this.#left = 0;
      this.#push({ type: 'warning', text });
    }
    if (!this.#joined(record)) this.#pending.push({ record, bytes });
    this.#bytes += bytes;
    if (this.#bytes >= batchBytes) void this.#send();
    else this.#timer ??= setTimeout(() => void this.#send(), everyMs);
  }

  /** A line at a time would be a record at a time. */
  #joined(record: RunRecord): boolean {
    const last = this.#pending.length > this.#inFlight ? this.#pending.at(-1) : undefined;
    if (record.type !== 'output' || last?.record.type !== 'output' || last.bytes > batchBytes / 4) return false;
    if (last.record.index !== record.index || last.record.stream !== record.stream) return false;
    last.record = { ...record, text: last.record.text + record.text };
    last.bytes += Buffer.byteLength(record.text);
    return true;
  }

  #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#pending.length > 0 && !this.#over) {
      const batch = this.#nextBatch();
      this.#inFlight = batch.length;
      this.#seq += 1;
      if (!(await this.#deliver({ seq: this.#seq, records: batch.map((each) => each.record) }))) return;
      this.#pending.splice(0, batch.length);
      this.#inFlight = 0;
      this.#bytes = this.#pending.reduce((sum, each) => sum + each.bytes, 0);
    }
  }

  #nextBatch(): Pending[] {
    let bytes = 0;
    const end = this.#pending.findIndex((each, at) => {
      bytes += each.bytes;
      return at > 0 && (bytes > batchBytes || at >= batchRecords);
    });
    return this.#pending.slice(0, end === -1 ? this.#pending.length : end);
  }

  async #deliver(batch: { seq: number; records: RunRecord[] }): Promise<boolean> {
    for (let waitMs = retryMs.first; !this.#over; waitMs = Math.min(waitMs * 2, retryMs.last)) {
      try {
        await this.#api.records(batch);
        return true;
      } catch (thrown) {
        const fault = toFault(thrown);
        if (!faultCodes[fault.code].retryable) {
          this.stop();
          this.#lost(fault);
          return false;
        }
        await sleep(waitMs);
      }
    }
    return false;
  }
}

function streamOf(record: { index: number; stream: string }): string {
  return `${record.index} ${record.stream}`;
}
