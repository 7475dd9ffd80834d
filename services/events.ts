import { sql } from 'drizzle-orm';
import { canonical } from '../core/canonical.ts';
import { newId } from '../core/ids.ts';
import type { Actor } from './access.ts';
import type { Context } from './context.ts';
import { prepared } from './db/prepared.ts';
import { events } from './db/tables.ts';

export interface EventParts {
  organizationId: string | null;
  /** `<noun>.<past participle>`, such as `server.enrolled`. */
  name: string;
  /** The id of what it happened to. */
  subject: string;
  runId?: string;
  /** Never holds a secret. */
  data?: Record<string, unknown>;
}

const insertion = prepared((db) =>
  db
    .insert(events)
    .values({
      id: sql.placeholder('id'),
      organizationId: sql.placeholder('organizationId'),
      actor: sql.placeholder('actor'),
      name: sql.placeholder('name'),
      subject: sql.placeholder('subject'),
      runId: sql.placeholder('runId'),
      data: sql.placeholder('data'),
      atMs: sql.placeholder('atMs'),
    })
    .prepare(),
);

/** Writes one Event; to be called inside the transaction of the change that it tells of. */
export function writeEvent(ctx: Context, actor: Actor, parts: EventParts): void {
  const atMs = ctx.now();
  insertion(ctx.db).run({
    id: newId('event', atMs, ctx.random),
    organizationId: parts.organizationId,
    actor: canonical(actor),
    name: parts.name,
    subject: parts.subject,
    runId: parts.runId ?? null,
    data: canonical(parts.data ?? {}),
    atMs,
  });
}
