import { and, eq, isNull } from 'drizzle-orm';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { port, serverName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { dialAddress } from '../../core/server/enrolment.ts';
import { organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { demandReachable, enrolmentWay, openEnrolment } from './enrolment.ts';
import { viewServer, type EnrolmentView, type ServerView } from './view.ts';

export const inviteInput = z
  .strictObject({ name: serverName, address: dialAddress.optional(), port: port.optional(), ...enrolmentWay })
  .meta({ id: 'ServerWish' });

/** A server that waits for its machine, and the one-time enrolment that brings it; Fault `conflict` when the name is taken. */
export function inviteServer(
  ctx: Context,
  actor: Actor,
  input: z.input<typeof inviteInput>,
): { server: ServerView; enrolment: EnrolmentView } {
  const organizationId = organizationOf(actor);
  const { name, address = null, port: sshPort = null, via, minutes } = parsed(inviteInput, input);
  demandReachable(ctx, via);
  return atomically(ctx.db, () => {
    const taken = ctx.db
      .select({ id: servers.id })
      .from(servers)
      .where(and(eq(servers.organizationId, organizationId), eq(servers.name, name), isNull(servers.removedAtMs)))
      .get();
    if (taken !== undefined)
      throw new Fault('conflict', {
        message: `a server ${name} exists already`,
        field: '/name',
        hint: `enrol it again with kip server invite ${name}, or choose another name`,
      });
    const row = ctx.db
      .insert(servers)
      .values({
        id: newId('server', ctx.now(), ctx.random),
        organizationId,
        name,
        state: 'invited',
        address,
        port: sshPort,
        createdAtMs: ctx.now(),
      })
      .returning()
      .get();
    const enrolment = openEnrolment(ctx, actor, row, { via, minutes, replaces: false });
    writeEvent(ctx, actor, { organizationId, name: 'server.invited', subject: row.id, data: { name, enrolmentId: enrolment.id, via } });
    return { server: viewServer(row, []), enrolment };
  });
}
