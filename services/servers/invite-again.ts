import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { writeEvent } from '../events.ts';
import { demandReachable, enrolmentWay, openEnrolment } from './enrolment.ts';
import { findServer, pinnedKeys } from './find.ts';
import { viewServer, type EnrolmentView, type ServerView } from './view.ts';

export const inviteAgainInput = z
  .strictObject({
    replace: z
      .boolean()
      .default(false)
      .meta({ description: 'the machine was installed anew: its host keys may differ from the pinned ones' }),
    ...enrolmentWay,
  })
  .meta({ id: 'EnrolmentWish' });

/** Another enrolment of a server; the ones before it are revoked. Only `replace` lets other host keys take the place of pinned ones. */
export function inviteAgain(
  ctx: Context,
  actor: Actor,
  server: string,
  input: z.input<typeof inviteAgainInput>,
): { server: ServerView; enrolment: EnrolmentView } {
  const row = findServer(ctx, actor, server);
  const { replace, via, minutes } = parsed(inviteAgainInput, input);
  if (replace && row.state !== 'enrolled') {
    throw new Fault('conflict', {
      message: `server ${row.name} was never enrolled: there is nothing to replace`,
      field: '/replace',
      hint: `leave it out: kip server invite ${row.name}`,
    });
  }
  demandReachable(ctx, via);
  return atomically(ctx.db, () => {
    const pinned = pinnedKeys(ctx, row.id);
    const enrolment = openEnrolment(ctx, actor, row, { via, minutes, replaces: replace });
    writeEvent(ctx, actor, {
      organizationId: row.organizationId,
      name: 'server.invited',
      subject: row.id,
      data: {
        name: row.name,
        enrolmentId: enrolment.id,
        via,
        replace,
        ...(replace ? { pinned: pinned.map((key) => key.fingerprint) } : {}),
      },
    });
    return { server: viewServer(row, pinned), enrolment };
  });
}
