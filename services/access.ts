import { Fault } from '../core/fault.ts';

/** Who does it: carried to every verb and written into every Event. */
export type Actor =
  | { kind: 'person'; personId: string; organizationId: string; sessionId: string; role: 'owner' | 'admin' | 'member'; address: string }
  | { kind: 'worker'; workerId: string; runId: string; organizationId: string }
  | { kind: 'enrolment'; enrolmentId: string; organizationId: string; address: string }
  | { kind: 'setup'; address: string }
  | { kind: 'system'; job: string };

declare const permitted: unique symbol;
/** A row that went through `permit`: verbs that write accept nothing else. */
export type Permitted<Row> = Row & { readonly [permitted]: true };

/** The organization whose things an actor may touch; Fault not_allowed for actors that belong to none. */
export function organizationOf(actor: Actor): string {
  if ('organizationId' in actor) return actor.organizationId;
  throw new Fault('not_allowed', `a ${actor.kind} actor has no organization`);
}

/**
 * The only way to a row that may be written: another organization's row is as absent as a missing one.
 * `what` completes the sentence `no such …`.
 */
export function permit<Row extends { organizationId: string | null }>(actor: Actor, row: Row | undefined, what: string): Permitted<Row> {
  if (row === undefined || row.organizationId !== organizationOf(actor)) {
    throw new Fault('not_found', { message: `no such ${what}`, hint: `list what there is with kip ${what} ls` });
  }
  return row as Permitted<Row>;
}

/** What only the organization's owners may do: accept artefacts, remove things for good. */
export function demandOwner(actor: Actor, what: string): void {
  if (actor.kind === 'system' || (actor.kind === 'person' && actor.role === 'owner')) return;
  throw new Fault('not_allowed', { message: `only an owner may ${what}`, hint: 'ask an owner of the organization' });
}

/** The id that stands for an actor in a row: `per_…`, `wrk_…`, `enr_…`, `setup` or `system:<job>`. */
export function idOf(actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return actor.personId;
    case 'worker':
      return actor.workerId;
    case 'enrolment':
      return actor.enrolmentId;
    case 'setup':
      return 'setup';
    case 'system':
      return `system:${actor.job}`;
    default:
      return actor satisfies never;
  }
}
