import { createHash, sign } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { Fault } from '../../core/fault.ts';
import { signaturesPerRun } from '../../core/wire.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { runs } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { currentServerKey, openServerKey, sshString } from '../vault/serverkey.ts';
import { demandChallenge } from './challenge.ts';
import { demandHolder } from './token.ts';

/**
 * Signs one SSH login to the run's own server, in SSH wire format (RFC 8709). The private key is opened here and nowhere
 * else; each signature is an Event, and a run has 64 of them per claim.
 */
export function signChallenge(ctx: Context, runId: string, token: string, challenge: Buffer): Buffer {
  return atomically(ctx.db, () => {
    const { run, actor } = demandHolder(ctx, runId, token);
    if (run.signatures >= signaturesPerRun) {
      throw new Fault('rate_limited', {
        message: `this run has used its ${signaturesPerRun} logins`,
        reason: 'signature_limit',
        hint: 'look for a server that drops connections, then try the run again',
      });
    }
    const key = currentServerKey(ctx, run.serverId);
    demandChallenge(challenge, Buffer.from(key.publicKey.split(' ')[1] ?? '', 'base64'));
    const signature = sign(null, challenge, openServerKey(ctx, key));
    ctx.db
      .update(runs)
      .set({ signatures: run.signatures + 1 })
      .where(eq(runs.id, run.id))
      .run();
    writeEvent(ctx, actor, {
      organizationId: run.organizationId,
      name: 'run.signed',
      subject: run.serverId,
      runId: run.id,
      data: { keyId: key.id, challengeSha256: createHash('sha256').update(challenge).digest('hex'), number: run.signatures + 1 },
    });
    return Buffer.concat([sshString(Buffer.from('ssh-ed25519')), sshString(signature)]);
  });
}
