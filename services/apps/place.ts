import { and, eq, isNull, or } from 'drizzle-orm';
import { isIP } from 'node:net';
import { Fault } from '../../core/fault.ts';
import { organizationOf, permit, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { clusters, environments, projects } from '../db/tables.ts';

export type ClusterRow = typeof clusters.$inferSelect;

/** The cluster that was named, or the organization's only one. It has to stand. */
export function findCluster(ctx: Context, actor: Actor, idOrName: string | null): ClusterRow {
  const own = and(eq(clusters.organizationId, organizationOf(actor)), isNull(clusters.removedAtMs));
  const named = idOrName === null ? own : and(own, or(eq(clusters.id, idOrName), eq(clusters.name, idOrName)));
  const rows = ctx.db.select().from(clusters).where(named).limit(2).all();
  if (rows.length > 1)
    throw new Fault('conflict', {
      message: 'there is more than one cluster',
      field: '/cluster',
      hint: 'name one with --cluster, or choose it with kip cluster use',
    });
  if (idOrName === null && rows.length === 0) {
    throw new Fault('conflict', {
      message: 'there is no cluster to deploy to',
      field: '/cluster',
      hint: 'make one with kip install --host ADDRESS',
    });
  }
  const cluster = permit(actor, rows[0], 'cluster');
  if (cluster.state !== 'installed') {
    throw new Fault('conflict', {
      message: `cluster ${cluster.name} is not ready yet`,
      field: '/cluster',
      hint: 'watch its run with kip run ls, or run kip cluster show',
    });
  }
  return cluster;
}

export function findEnvironment(ctx: Context, actor: Actor, project: string, environment: string) {
  const row = ctx.db
    .select({ id: environments.id, environment: environments.name, project: projects.name, organizationId: projects.organizationId })
    .from(environments)
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .where(
      and(
        eq(projects.organizationId, organizationOf(actor)),
        or(eq(projects.id, project), eq(projects.name, project)),
        or(eq(environments.id, environment), eq(environments.name, environment)),
      ),
    )
    .get();
  if (row === undefined) {
    throw new Fault('not_found', {
      message: `no environment ${environment} in a project ${project}`,
      field: '/environment',
      hint: `make it with kip env create ${environment} --project ${project}`,
    });
  }
  return permit(actor, row, 'environment');
}

/** Every address the node was seen with; what is no address is left out, since facts come from the host. */
export function nodeAddresses(facts: string | null, address: string | null): string[] {
  const found = new Set<string>();
  if (address !== null && isIP(address) !== 0) found.add(address);
  const told = facts === null ? null : (JSON.parse(facts) as { addresses?: unknown; network?: { addresses?: unknown } });
  const known = told?.network?.addresses ?? told?.addresses;
  for (const entry of Array.isArray(known) ? known : []) {
    const text: unknown = typeof entry === 'string' ? entry : (entry as { address?: unknown } | null)?.address;
    if (typeof text === 'string' && isIP(text) !== 0) found.add(text);
  }
  return [...found].slice(0, 64);
}
