import { and, eq, isNull, ne } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { port, serverName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { dialAddress } from '../../core/server/enrolment.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun } from '../schedule.ts';
import { findServer, pinnedKeys } from './find.ts';
import { auditTimeoutMs } from './timeouts.ts';
import { viewServer, type ServerView } from './view.ts';

export const updateInput = z
  .strictObject({ name: serverName.optional(), address: dialAddress.optional(), port: port.optional() })
  .meta({ id: 'ServerChange' });

/** Another name, address or port. The pinned host keys stay: a moved machine has to show them, and an audit checks that at once. */
export function updateServer(ctx: Context, actor: Actor, server: string, input: z.input<typeof updateInput>): ServerView {
  const row = findServer(ctx, actor, server);
  const change = parsed(updateInput, input);
  const moved = (change.address ?? row.address) !== row.address || (change.port ?? row.port) !== row.port;
  const view = atomically(ctx.db, () => {
    if (change.name !== undefined) demandFreeName(ctx, row, change.name);
    const next = ctx.db
      .update(servers)
      .set({ name: change.name ?? row.name, address: change.address ?? row.address, port: change.port ?? row.port })
      .where(eq(servers.id, row.id))
      .returning()
      .get();
    writeEvent(ctx, actor, {
      organizationId: row.organizationId,
      name: 'server.updated',
      subject: row.id,
      data: { before: { name: row.name, address: row.address, port: row.port }, after: change },
    });
    if (moved && row.state === 'enrolled')
      queueRun(ctx, actor, { organizationId: row.organizationId, kind: 'audit', serverId: row.id, input: {}, timeoutMs: auditTimeoutMs });
    return viewServer(next, pinnedKeys(ctx, row.id));
  });
  ctx.ring();
  return view;
}

function demandFreeName(ctx: Context, row: typeof servers.$inferSelect, name: string): void {
  const taken = ctx.db
    .select({ id: servers.id })
    .from(servers)
    .where(and(eq(servers.organizationId, row.organizationId), eq(servers.name, name), isNull(servers.removedAtMs), ne(servers.id, row.id)))
    .get();
  if (taken !== undefined)
    throw new Fault('conflict', { message: `a server ${name} exists already`, field: '/name', hint: 'choose another name' });
}
