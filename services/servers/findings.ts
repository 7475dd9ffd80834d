import { and, desc, eq, isNull, lt } from 'drizzle-orm';
import { cutPage, type Page, type PageInput } from '../../core/page.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { findings } from '../db/tables.ts';
import { findServer } from './find.ts';
import { viewFinding, type FindingView } from './view.ts';

/** Open findings of a server, newest first; `resolved` adds what later runs no longer saw. */
export function listFindings(ctx: Context, actor: Actor, server: string, page: PageInput, resolved: boolean): Page<FindingView> {
  const row = findServer(ctx, actor, server);
  const rows = ctx.db
    .select()
    .from(findings)
    .where(
      and(
        eq(findings.serverId, row.id),
        resolved ? undefined : isNull(findings.resolvedAtMs),
        page.after === undefined ? undefined : lt(findings.id, page.after),
      ),
    )
    .orderBy(desc(findings.id))
    .limit(page.limit + 1)
    .all();
  return cutPage(rows, page.limit, (finding) => finding.id, viewFinding);
}
