import { and, desc, eq, lt } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { events } from '../db/tables.ts';
import { viewEvent, type EventView } from './view.ts';

/** What happened in the organization, newest first; of one subject (an id) or all. */
export function listEvents(ctx: Context, actor: Actor, page: PageInput, subject?: string): Page<EventView> {
  const rows = ctx.db
    .select()
    .from(events)
    .where(
      and(
        eq(events.organizationId, organizationOf(actor)),
        page.after === undefined ? undefined : lt(events.id, page.after),
        subject === undefined ? undefined : eq(events.subject, subject),
      ),
    )
    .orderBy(desc(events.id))
    .limit(page.limit + 1)
    .all();
  return cutPage(rows, page.limit, (row) => row.id, viewEvent);
}
