import { createHash, generateKeyPairSync } from 'node:crypto';
import { newId } from '../../core/ids.ts';
import { makePlan, planText, type Plan } from '../../core/plan.ts';
import type { Claim, RunKind } from '../../core/runs.ts';
import { atomically } from '../../services/db/open.ts';
import { hostKeys, workers } from '../../services/db/tables.ts';
import { claimRun } from '../../services/runs/claim.ts';
import { queueRun, type RunRow } from '../../services/schedule.ts';
import { makeServerKey, type ServerKeyRow } from '../../services/vault/serverkey.ts';
import { seedPerson, seedServer, type PersonActor, type TestContext } from './record.ts';

export type Worker = typeof workers.$inferSelect;

export function seedWorker(ctx: TestContext, local = true): Worker {
  const id = newId('worker', ctx.now(), ctx.random);
  const publicKey = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '';
  return ctx.db.insert(workers).values({ id, name: id, publicKey, local, createdAtMs: ctx.now() }).returning().get();
}

export interface Seeded {
  actor: PersonActor;
  serverId: string;
  key: ServerKeyRow;
}

/** A server that a worker could reach: pinned host key and a key of ours. */
export function seedTarget(ctx: TestContext, actor = seedPerson(ctx), address = '127.0.0.1', port = 22): Seeded {
  const server = seedServer(ctx, actor, { address, port });
  const fingerprint = `SHA256:${Buffer.from(ctx.random(32)).toString('base64').replace(/=+$/, '')}`;
  ctx.db
    .insert(hostKeys)
    .values({
      id: newId('hostKey', ctx.now(), ctx.random),
      serverId: server.id,
      algorithm: 'ssh-ed25519',
      fingerprint,
      publicKey: 'none',
      pinnedAtMs: ctx.now(),
    })
    .run();
  return { actor, serverId: server.id, key: makeServerKey(ctx, server.id) };
}

export function queue(ctx: TestContext, target: Seeded, kind: RunKind = 'audit', input: unknown = {}, timeoutMs = 60_000): RunRow {
  ctx.clock.nowMs += 1;
  return atomically(ctx.db, () =>
    queueRun(ctx, target.actor, { organizationId: target.actor.organizationId, kind, serverId: target.serverId, input, timeoutMs }),
  );
}

export function claimed(ctx: TestContext, worker: Worker, run: RunRow): Claim {
  const claim = claimRun(ctx, worker, run.id);
  if (claim === null) throw new Error('the run was not given');
  return claim;
}

export function planOf(...ids: string[]): { plan: Plan; hash: string } {
  const plan = makePlan(
    { test: true },
    ids.map((id) => ({ kind: 'shell', id, title: `does ${id}`, timeoutMs: 10_000, action: 'file', data: { path: `/tmp/${id}` } })),
  );
  return { plan, hash: createHash('sha256').update(planText(plan)).digest('hex') };
}

/** What an SSH client signs to log in (RFC 4252, section 7). */
export function challengeOf(parts: { user?: string; service?: string; method?: string; publicKey: string }): Buffer {
  const text = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const blob = Buffer.from(parts.publicKey.split(' ')[1] ?? '', 'base64');
  return Buffer.concat([
    text(Buffer.alloc(32, 7)),
    Buffer.of(50),
    text(parts.user ?? 'kipper'),
    text(parts.service ?? 'ssh-connection'),
    text(parts.method ?? 'publickey'),
    Buffer.of(1),
    text('ssh-ed25519'),
    text(blob),
  ]);
}
