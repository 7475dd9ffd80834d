import { and, desc, eq, isNull, or } from 'drizzle-orm';
import { organizationOf, permit, type Actor, type Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { hostKeys, servers } from '../db/tables.ts';

export type ServerRow = typeof servers.$inferSelect;

/** A server by id, or by the name that one standing server of the organization has; Fault `not_found` otherwise. */
export function findServer(ctx: Context, actor: Actor, idOrName: string): Permitted<ServerRow> {
  const row = ctx.db
    .select()
    .from(servers)
    .where(
      and(
        eq(servers.organizationId, organizationOf(actor)),
        isNull(servers.removedAtMs),
        or(eq(servers.id, idOrName), eq(servers.name, idOrName)),
      ),
    )
    .orderBy(desc(eq(servers.id, idOrName)))
    .get();
  return permit(actor, row, 'server');
}

export function pinnedKeys(ctx: Context, serverId: string): { algorithm: string; fingerprint: string; pinnedAtMs: number }[] {
  return ctx.db
    .select({ algorithm: hostKeys.algorithm, fingerprint: hostKeys.fingerprint, pinnedAtMs: hostKeys.pinnedAtMs })
    .from(hostKeys)
    .where(and(eq(hostKeys.serverId, serverId), isNull(hostKeys.replacedAtMs)))
    .orderBy(hostKeys.algorithm)
    .all();
}
