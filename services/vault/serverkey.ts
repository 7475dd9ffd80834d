import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { and, eq, isNull } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { newId } from '../../core/ids.ts';
import type { Context } from '../context.ts';
import { serverKeys } from '../db/tables.ts';
import { places } from './places.ts';

export type ServerKeyRow = typeof serverKeys.$inferSelect;

/** The wire form of an Ed25519 public key (RFC 8709): string "ssh-ed25519", string of 32 bytes. */
export function sshPublicBlob(raw: Buffer): Buffer {
  return Buffer.concat([sshString(Buffer.from('ssh-ed25519')), sshString(raw)]);
}

export function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Makes the server's current key pair, retiring the one before; to be called inside the verb's transaction. */
export function makeServerKey(ctx: Context, serverId: string): ServerKeyRow {
  const nowMs = ctx.now();
  const pair = generateKeyPairSync('ed25519');
  const raw = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const id = newId('key', nowMs, ctx.random);
  ctx.db
    .update(serverKeys)
    .set({ retiredAtMs: nowMs })
    .where(and(eq(serverKeys.serverId, serverId), isNull(serverKeys.retiredAtMs)))
    .run();
  return ctx.db
    .insert(serverKeys)
    .values({
      id,
      serverId,
      publicKey: `ssh-ed25519 ${sshPublicBlob(raw).toString('base64')} kipper-${serverId}`,
      privateSealed: ctx.vault.seal(pair.privateKey.export({ format: 'der', type: 'pkcs8' }), places.serverKey(id)),
      createdAtMs: nowMs,
    })
    .returning()
    .get();
}

export function currentServerKey(ctx: Context, serverId: string): ServerKeyRow {
  const row = ctx.db
    .select()
    .from(serverKeys)
    .where(and(eq(serverKeys.serverId, serverId), isNull(serverKeys.retiredAtMs)))
    .get();
  if (row === undefined)
    throw new Fault('conflict', { message: 'the server has no key of ours yet', hint: 'enrol it with kip server invite' });
  return row;
}

/** Only the run API signs with it; it never leaves this process. */
export function openServerKey(ctx: Context, row: ServerKeyRow): KeyObject {
  return createPrivateKey({ key: ctx.vault.open(row.privateSealed, places.serverKey(row.id)), format: 'der', type: 'pkcs8' });
}
