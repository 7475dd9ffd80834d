import { createReadStream, type ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { demandHolder } from './token.ts';

/** The bytes of an artefact that this run's input or plan names, from the store. The receiver checks the digest. */
export async function openArtefact(
  ctx: Context,
  runId: string,
  token: string,
  sha256: string,
): Promise<{ stream: ReadStream; bytes: number }> {
  const { run } = demandHolder(ctx, runId, token);
  if (!/^[0-9a-f]{64}$/.test(sha256) || !(run.input.includes(sha256) || run.plan?.includes(sha256) === true)) {
    throw new Fault('not_allowed', 'this run has no such artefact');
  }
  const file = join(ctx.config.dataDir, 'artefacts', sha256);
  const handle = await open(file).catch(() => null);
  if (handle === null)
    throw new Fault('not_found', { message: 'the artefact is not in the store', hint: 'see what is missing with kip artefact ls' });
  const { size } = await handle.stat();
  return { stream: createReadStream(file, { fd: handle, autoClose: true }), bytes: size };
}
