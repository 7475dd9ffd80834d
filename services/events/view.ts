import { z } from 'zod';
import type { events } from '../db/tables.ts';

export const eventView = z
  .object({
    id: z.string(),
    name: z.string(),
    subject: z.string(),
    runId: z.string().nullable(),
    actor: z.record(z.string(), z.unknown()),
    data: z.record(z.string(), z.unknown()),
    atMs: z.int(),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof eventView>;

export function viewEvent(row: typeof events.$inferSelect): EventView {
  return {
    id: row.id,
    name: row.name,
    subject: row.subject,
    runId: row.runId,
    actor: JSON.parse(row.actor) as EventView['actor'],
    data: JSON.parse(row.data) as EventView['data'],
    atMs: row.atMs,
  };
}
