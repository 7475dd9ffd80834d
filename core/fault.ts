/**
 * One table decides what a refusal means everywhere: HTTP status (RFC 9457 answers), exit code of kip, and whether
 * trying the same again can help.
 */
export const faultCodes = {
  invalid_input: { status: 422, exit: 2, retryable: false },
  malformed_request: { status: 400, exit: 2, retryable: false },
  too_large: { status: 413, exit: 2, retryable: false },
  not_signed_in: { status: 401, exit: 3, retryable: false },
  not_allowed: { status: 403, exit: 4, retryable: false },
  not_found: { status: 404, exit: 5, retryable: false },
  conflict: { status: 409, exit: 6, retryable: false },
  in_flight: { status: 409, exit: 6, retryable: true },
  gone: { status: 410, exit: 6, retryable: false },
  rate_limited: { status: 429, exit: 7, retryable: true },
  unavailable: { status: 503, exit: 8, retryable: true },
  storage_full: { status: 507, exit: 8, retryable: true },
  host_refused: { status: 502, exit: 9, retryable: false },
  host_unreachable: { status: 502, exit: 9, retryable: true },
  host_key_changed: { status: 502, exit: 9, retryable: false },
  step_failed: { status: 502, exit: 9, retryable: true },
  timed_out: { status: 504, exit: 9, retryable: true },
  cancelled: { status: 409, exit: 9, retryable: false },
  superseded: { status: 409, exit: 9, retryable: false },
  cluster_refused: { status: 502, exit: 9, retryable: false },
  internal: { status: 500, exit: 1, retryable: false },
} as const;

export type FaultCode = keyof typeof faultCodes;

export interface FaultParts {
  /** One public sentence: what is wrong. Never holds a secret or bytes of an unproved peer. */
  message: string;
  /** The next step, as a sentence or a command to paste. */
  hint?: string;
  /** The input field at fault, as a JSON pointer or flag name. */
  field?: string;
  /** A closed, finer name: a doctor cause, a rollout reason. */
  reason?: string;
  /** For our own log only. */
  cause?: unknown;
}

/** What is written to the record and sent to clients. */
export interface FaultView {
  code: FaultCode;
  message: string;
  hint?: string;
  field?: string;
  reason?: string;
}

export const longestSentence = 4_000;
export const longestName = 200;

export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string | undefined;
  readonly field: string | undefined;
  readonly reason: string | undefined;

  constructor(code: FaultCode, parts: FaultParts | string) {
    const given = typeof parts === 'string' ? { message: parts } : parts;
    super(given.message, given.cause === undefined ? {} : { cause: given.cause });
    this.name = 'Fault';
    this.code = code;
    this.hint = given.hint;
    this.field = given.field;
    this.reason = given.reason;
  }

  /** Cut to what the wire takes (core/wire.ts): a host's long words must not keep a run from being settled. */
  view(): FaultView {
    return {
      code: this.code,
      message: this.message.slice(0, longestSentence),
      ...(this.hint === undefined ? {} : { hint: this.hint.slice(0, longestSentence) }),
      ...(this.field === undefined ? {} : { field: this.field.slice(0, longestName) }),
      ...(this.reason === undefined ? {} : { reason: this.reason.slice(0, longestName) }),
    };
  }
}

/** A Fault from anything thrown. An unexpected error's own words stay in the cause. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault('internal', {
    message: 'something went wrong inside Kipper',
    hint: 'try again; if it stays, the control plane log holds the cause',
    cause: thrown,
  });
}

export function faultFromView(view: FaultView): Fault {
  return new Fault(view.code in faultCodes ? view.code : 'internal', view);
}
