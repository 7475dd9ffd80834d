import { and, eq, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import type { Permitted } from '../access.ts';
import type { Context } from '../context.ts';
import { apps } from '../db/tables.ts';
import type { AppRow } from './view.ts';

/** A host name belongs to one app of a cluster. `self` may keep its own. */
export function refuseTakenHost(ctx: Context, clusterId: string, host: string, self: string | null): void {
  const taken = ctx.db
    .select({ id: apps.id, name: apps.name })
    .from(apps)
    .where(and(eq(apps.clusterId, clusterId), eq(apps.host, host), isNull(apps.removedAtMs)))
    .get();
  if (taken === undefined || taken.id === self) return;
  throw new Fault('conflict', {
    message: `the name ${host} is taken on this cluster by app ${taken.name}`,
    field: '/domain',
    hint: 'give this app a name of its own with --domain',
  });
}

/** Inside a transaction: the app answers to this host name from its next release on. */
export function moveHost(ctx: Context, app: Permitted<AppRow>, host: string): AppRow {
  if (app.host === host) return app;
  refuseTakenHost(ctx, app.clusterId, host, app.id);
  return ctx.db.update(apps).set({ host }).where(eq(apps.id, app.id)).returning().get();
}
