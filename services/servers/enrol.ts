import { createHash } from 'node:crypto';
import { and, eq, inArray, isNull, ne } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import { pinnable, type EnrolmentClaim } from '../../core/server/enrolment.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { hostKeys, servers } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { queueRun } from '../schedule.ts';
import type { EnrolmentRow } from './enrolment.ts';
import { pinnedKeys, type ServerRow } from './find.ts';
import { auditTimeoutMs } from './timeouts.ts';
import { viewServer, type ServerView } from './view.ts';

interface Key {
  algorithm: string;
  fingerprint: string;
  publicKey: string;
}

/** Pins what the machine told of itself, in the transaction of its claim, and queues the first audit. */
export function enrolServer(
  ctx: Context,
  actor: Actor,
  server: ServerRow,
  enrolment: EnrolmentRow,
  claim: EnrolmentClaim,
  from: string,
): ServerView {
  if (server.state === 'removed')
    throw new Fault('gone', { message: `server ${server.name} was removed`, hint: 'invite it again as a new one' });
  const keys = keysOf(claim);
  refuseClone(ctx, server, claim, keys);
  const before = pinnedKeys(ctx, server.id).map((key) => key.fingerprint);
  const replaced =
    server.state === 'enrolled' &&
    (server.machineId !== claim.machineId || !before.some((one) => keys.some((key) => key.fingerprint === one)));
  if (replaced && !enrolment.replaces) throw changed(server, before, keys);
  pin(ctx, server, keys);
  const row = ctx.db
    .update(servers)
    .set({
      state: 'enrolled',
      machineId: claim.machineId,
      ...placeOf(server, claim, from),
      unreachableCause: null,
      ...(replaced || server.facts === null ? { facts: factsOf(claim), hardenedAtMs: null } : {}),
    })
    .where(eq(servers.id, server.id))
    .returning()
    .get();
  writeEvent(ctx, actor, {
    organizationId: server.organizationId,
    name: replaced ? 'server.replaced' : 'server.enrolled',
    subject: server.id,
    data: {
      name: server.name,
      address: row.address,
      port: row.port,
      before,
      hostKeys: keys.map((key) => key.fingerprint),
      facts: claim.facts,
    },
  });
  queueRun(ctx, actor, { organizationId: server.organizationId, kind: 'audit', serverId: server.id, input: {}, timeoutMs: auditTimeoutMs });
  return viewServer(row, pinnedKeys(ctx, server.id));
}

/** What the machine said of itself, in the words of the audit that follows and replaces it. */
function factsOf({ facts }: EnrolmentClaim): string {
  const { os, release, addresses, memoryKb, ...same } = facts;
  return canonical({
    ...same,
    osId: os,
    osVersion: release,
    memoryBytes: memoryKb * 1024,
    addresses: addresses.map((one) => one.split('/')[0]),
  });
}

/** Where a person or kip said the server is wins; else the address that the claim came from and the port its sshd has. */
function placeOf(server: ServerRow, claim: EnrolmentClaim, from: string): { address: string; port: number } {
  const said = server.state === 'invited';
  return {
    address: claim.address ?? (said ? server.address : null) ?? from,
    port: claim.port ?? (said ? server.port : null) ?? claim.sshPorts[0] ?? 22,
  };
}

/** Fingerprints as OpenSSH prints them; computed here, never taken from the machine's word. */
function keysOf(claim: EnrolmentClaim): Key[] {
  const keys = pinnable(claim.hostKeys).map(({ algorithm, base64 }) => {
    const blob = Buffer.from(base64, 'base64');
    if (blob.subarray(4, 4 + algorithm.length).toString('latin1') !== algorithm || blob.readUInt32BE(0) !== algorithm.length) {
      throw new Fault('invalid_input', {
        message: 'a host key does not hold what its first word says',
        field: '/hostKeys',
        hint: 'look at /etc/ssh/ssh_host_*_key.pub on the server',
      });
    }
    return {
      algorithm,
      fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`,
      publicKey: `${algorithm} ${base64}`,
    };
  });
  if (keys.length === 0)
    throw new Fault('invalid_input', {
      message: 'the server has no host key of a type that can be pinned',
      field: '/hostKeys',
      hint: 'run ssh-keygen -A on it and try again',
    });
  return [...new Map(keys.map((key) => [key.fingerprint, key])).values()];
}

/** Two machines with one key are one machine to SSH: a clone is named to its own organization, and to no other. */
function refuseClone(ctx: Context, server: ServerRow, claim: EnrolmentClaim, keys: readonly Key[]): void {
  const fingerprints = keys.map((key) => key.fingerprint);
  const other =
    ctx.db
      .select({ name: servers.name, organizationId: servers.organizationId })
      .from(servers)
      .where(and(eq(servers.machineId, claim.machineId), isNull(servers.removedAtMs), ne(servers.id, server.id)))
      .get() ??
    ctx.db
      .select({ name: servers.name, organizationId: servers.organizationId })
      .from(hostKeys)
      .innerJoin(servers, eq(servers.id, hostKeys.serverId))
      .where(and(inArray(hostKeys.fingerprint, fingerprints), isNull(hostKeys.replacedAtMs), ne(hostKeys.serverId, server.id)))
      .get();
  if (other === undefined) return;
  const mine = other.organizationId === server.organizationId;
  throw new Fault('conflict', {
    message: mine
      ? `this machine has the machine-id or a host key of server ${other.name}`
      : 'this machine has the machine-id or a host key of a server that is enrolled already',
    hint: `if it is a clone: rm /etc/machine-id /etc/ssh/ssh_host_*; systemd-machine-id-setup; ssh-keygen -A; reboot${mine ? `. If it is the same machine: kip server invite ${other.name}` : ''}`,
    reason: 'machine_cloned',
  });
}

function changed(server: ServerRow, before: readonly string[], keys: readonly Key[]): Fault {
  return new Fault('conflict', {
    message: `server ${server.name} is pinned to ${before.join(', ')} and this machine has ${keys.map((key) => key.fingerprint).join(', ')}`,
    hint: `if the machine was installed anew: kip server invite ${server.name} --replace. If not, somebody else holds its address`,
    reason: 'host_key_changed',
  });
}

/** The present keys are the pinned ones; what is no longer there is kept as history. */
function pin(ctx: Context, server: ServerRow, keys: readonly Key[]): void {
  const nowMs = ctx.now();
  const standing = ctx.db
    .select({ id: hostKeys.id, fingerprint: hostKeys.fingerprint })
    .from(hostKeys)
    .where(and(eq(hostKeys.serverId, server.id), isNull(hostKeys.replacedAtMs)))
    .all();
  const gone = standing.filter((row) => !keys.some((key) => key.fingerprint === row.fingerprint)).map((row) => row.id);
  if (gone.length > 0) ctx.db.update(hostKeys).set({ replacedAtMs: nowMs }).where(inArray(hostKeys.id, gone)).run();
  const fresh = keys.filter((key) => !standing.some((row) => row.fingerprint === key.fingerprint));
  for (const key of fresh)
    ctx.db
      .insert(hostKeys)
      .values({ id: newId('hostKey', nowMs, ctx.random), serverId: server.id, ...key, pinnedAtMs: nowMs })
      .run();
}
