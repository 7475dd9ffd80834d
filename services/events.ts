import { canonical } from '../core/canonical.ts';
import { newId } from '../core/ids.ts';
import type { Actor } from './access.ts';
import type { Context } from './context.ts';
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

/** Writes one Event; to be called inside the transaction of the change that it tells of. */
export function writeEvent(ctx: Context, actor: Actor, parts: EventParts): void {
  const atMs = ctx.now();
  ctx.db
    .insert(events)
    .values({
      id: newId('event', atMs, ctx.random),
      organizationId: parts.organizationId,
      actor: canonical(actor),
      name: parts.name,
      subject: parts.subject,
      runId: parts.runId ?? null,
      data: canonical(parts.data ?? {}),
      atMs,
    })
    .run();
}
