import { and, desc, eq, lt } from 'drizzle-orm';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { runs } from '../db/tables.ts';
import { viewRun, type RunView } from './view.ts';

export interface RunFilter {
  serverId?: string;
  appId?: string;
  state?: RunView['state'];
}

/** The newest first; `after` is the id of the last one seen. */
export function listRuns(
  ctx: Context,
  actor: Actor,
  page: { limit: number; after: string | null },
  filter: RunFilter = {},
): { items: RunView[]; next: string | null } {
  const rows = ctx.db
    .select()
    .from(runs)
    .where(
      and(
        eq(runs.organizationId, organizationOf(actor)),
        page.after === null ? undefined : lt(runs.id, page.after),
        filter.serverId === undefined ? undefined : eq(runs.serverId, filter.serverId),
        filter.appId === undefined ? undefined : eq(runs.appId, filter.appId),
        filter.state === undefined ? undefined : eq(runs.state, filter.state),
      ),
    )
    .orderBy(desc(runs.id))
    .limit(page.limit + 1)
    .all();
  const items = rows.slice(0, page.limit).map(viewRun);
  return { items, next: rows.length > page.limit ? (items.at(-1)?.id ?? null) : null };
}
