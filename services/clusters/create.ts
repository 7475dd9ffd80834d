import { and, eq, inArray, isNull, or } from 'drizzle-orm';
import { isIP } from 'node:net';
import { z } from 'zod';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import type { Architecture } from '../../core/k3s/catalogue.ts';
import { defaultDomain } from '../../core/k3s/wish.ts';
import { domainName, serverName } from '../../core/names.ts';
import { parsed } from '../../core/parse.ts';
import { runInputs, type RunInput } from '../../core/runs.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { clusters, runs } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun, type RunRow } from '../schedule.ts';
import { prepareArtefacts } from './artefacts.ts';
import { findServer, type ServerRow } from './find.ts';
import { viewCluster, type ClusterRow, type ClusterView } from './view.ts';

export const installTimeoutMs = 60 * 60_000;

export const createInput = z
  .strictObject({
    serverId: z.string().min(1).max(64).meta({ description: 'id or name of an enrolled server' }),
    name: serverName,
    domain: domainName.nullable().default(null),
    /** Take artefacts that nobody has pinned by the digest that their release publishes. Owners only. */
    acceptArtifacts: z.boolean().default(false),
    ...runInputs.harden.shape,
  })
  .meta({ id: 'ClusterWish' });

export interface Created {
  cluster: ClusterView;
  run: RunRow;
}

/**
 * Queues the run that turns an enrolled server into a hardened cluster. Artefacts are fetched and checked before anything is written.
 * The same wish after a failed install queues another run of the same cluster.
 */
export async function createCluster(ctx: Context, actor: Actor, input: z.input<typeof createInput>): Promise<Created> {
  const { serverId, name, domain: wanted, acceptArtifacts, ...harden } = parsed(createInput, input);
  const server = findServer(ctx, actor, serverId);
  const domain = wanted ?? defaultDomain(server.address ?? '');
  if (domain === null) {
    throw new Fault('invalid_input', {
      message: 'this server has no IPv4 address to make a domain of',
      field: '/domain',
      hint: 'give one with --domain, such as apps.example.com',
    });
  }
  refuseTaken(ctx, server, name);
  const artefacts = await prepareArtefacts(ctx, actor, architectureOf(server), acceptArtifacts);
  const tlsSans = [server.address ?? ''].filter((address) => isIP(address) !== 0 || domainName.safeParse(address).success);
  const made = atomically(ctx.db, () => {
    refuseTaken(ctx, server, name);
    const before = standing(ctx, server);
    const cluster = before === undefined ? insertCluster(ctx, actor, server, name, domain) : moveDomain(ctx, actor, before, wanted);
    const wish: RunInput<'install'> = {
      ...harden,
      clusterId: cluster.id,
      clusterName: cluster.name,
      domain: cluster.domain,
      tlsSans,
      artefacts,
    };
    const run = queueRun(ctx, actor, {
      organizationId: server.organizationId,
      kind: 'install',
      serverId: server.id,
      clusterId: cluster.id,
      input: wish,
      timeoutMs: installTimeoutMs,
    });
    return { cluster, run };
  });
  ctx.ring();
  return { cluster: viewCluster(made.cluster, server), run: made.run };
}

function standing(ctx: Context, server: ServerRow): ClusterRow | undefined {
  return ctx.db
    .select()
    .from(clusters)
    .where(and(eq(clusters.serverId, server.id), isNull(clusters.removedAtMs)))
    .get();
}

/** A cluster that never came up takes the domain of the new wish: the old one may be what was wrong. */
function moveDomain(ctx: Context, actor: Actor, cluster: ClusterRow, wanted: string | null): ClusterRow {
  if (wanted === null || wanted === cluster.domain) return cluster;
  writeEvent(ctx, actor, {
    organizationId: cluster.organizationId,
    name: 'cluster.domain_changed',
    subject: cluster.id,
    data: { before: cluster.domain, domain: wanted },
  });
  return ctx.db.update(clusters).set({ domain: wanted }).where(eq(clusters.id, cluster.id)).returning().get();
}

function refuseTaken(ctx: Context, server: ServerRow, name: string): void {
  const rows = ctx.db
    .select()
    .from(clusters)
    .where(
      and(
        eq(clusters.organizationId, server.organizationId),
        isNull(clusters.removedAtMs),
        or(eq(clusters.name, name), eq(clusters.serverId, server.id)),
      ),
    )
    .all();
  const other = rows.find((row) => row.name === name && row.serverId !== server.id);
  if (other !== undefined)
    throw new Fault('conflict', { message: `a cluster ${name} stands on another server`, field: '/name', hint: 'choose another name' });
  const here = rows.find((row) => row.serverId === server.id);
  if (here === undefined) return;
  if (here.state === 'installed' || here.name !== name) {
    throw new Fault('conflict', {
      message: `server ${server.name} already is the cluster ${here.name}`,
      field: '/serverId',
      hint: `kip cluster harden ${here.name}, or kip cluster remove ${here.name}`,
    });
  }
  const open = ctx.db
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.clusterId, here.id), inArray(runs.state, ['queued', 'running'])))
    .get();
  if (open !== undefined)
    throw new Fault('in_flight', { message: `cluster ${name} is being installed`, hint: `watch it with kip run watch ${open.id}` });
}

function insertCluster(ctx: Context, actor: Actor, server: ServerRow, name: string, domain: string): ClusterRow {
  const nowMs = ctx.now();
  const row = ctx.db
    .insert(clusters)
    .values({
      id: newId('cluster', nowMs, ctx.random),
      organizationId: server.organizationId,
      serverId: server.id,
      name,
      state: 'requested',
      domain,
      createdAtMs: nowMs,
    })
    .returning()
    .get();
  writeEvent(ctx, actor, {
    organizationId: row.organizationId,
    name: 'cluster.requested',
    subject: row.id,
    data: { name, domain, serverId: server.id },
  });
  return row;
}

/** From the server's last facts; a server that told none is asked again by its enrolment. */
function architectureOf(server: ServerRow): Architecture {
  const machine = server.facts === null ? null : (JSON.parse(server.facts) as { arch?: unknown }).arch;
  if (machine === 'x86_64' || machine === 'amd64') return 'amd64';
  if (machine === 'aarch64' || machine === 'arm64') return 'arm64';
  throw new Fault('conflict', {
    message: `it is not known which processor server ${server.name} has`,
    hint: `kip server audit ${server.name}, then try again`,
  });
}
