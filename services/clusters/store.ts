import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { openUrl } from './fetch.ts';

export interface Wanted {
  name: string;
  url: string;
  sha256: string;
  /** Known size, or null. */
  bytes: number | null;
}

const maxBytes = 4 * 1024 ** 3;
const underway = new Map<string, Promise<number>>();

export function storeFile(dataDir: string, sha256: string): string {
  return join(dataDir, 'artefacts', sha256);
}

/** Removes what a control plane that was ended in the middle of a download left. For its start, before anything is fetched. */
export async function clearParts(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'artefacts');
  const names = await readdir(folder).catch(() => []);
  await Promise.all(names.filter((name) => name.endsWith('.part')).map((name) => rm(join(folder, name), { force: true })));
}

/** The artefact's size once it lies in the store, checked by its digest. Fetched once, however many ask at the same time. */
export function ensureStored(ctx: Pick<Context, 'config'>, wanted: Wanted, ca?: string): Promise<number> {
  const key = storeFile(ctx.config.dataDir, wanted.sha256);
  const running = underway.get(key) ?? fetchInto(ctx, wanted, key, ca).finally(() => underway.delete(key));
  underway.set(key, running);
  return running;
}

async function fetchInto(ctx: Pick<Context, 'config'>, wanted: Wanted, file: string, ca?: string): Promise<number> {
  const there = await stat(file).catch(() => null);
  if (there !== null && there.isFile()) return there.size;
  await mkdir(join(ctx.config.dataDir, 'artefacts'), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.part`;
  try {
    const source = await openSource(ctx, wanted, ca);
    const measured = await copy(source, temporary, wanted);
    await rename(temporary, file);
    return measured;
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw storageFault(thrown);
  }
}

/** file: addresses reach here only from the KIPPER_ARTIFACTS file: the catalogue and people's input hold https ones. */
async function openSource(ctx: Pick<Context, 'config'>, wanted: Wanted, ca?: string): Promise<Readable> {
  if (!wanted.url.startsWith('file:')) return openUrl(wanted.url, { targets: ctx.config.targets, ...(ca === undefined ? {} : { ca }) });
  const path = fileURLToPath(wanted.url);
  const handle = await open(path).catch(() => null);
  if (handle === null || !(await handle.stat()).isFile()) {
    await handle?.close();
    throw new Fault('unavailable', {
      message: `${wanted.name}: there is no file ${path}`,
      reason: 'artefact_unreachable',
      hint: 'correct the KIPPER_ARTIFACTS file',
    });
  }
  return createReadStream(path, { fd: handle, autoClose: true });
}

async function copy(source: Readable, target: string, wanted: Wanted): Promise<number> {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > (wanted.bytes ?? maxBytes) ? differs(wanted, 'it is larger than announced') : null, chunk);
    },
  });
  await pipeline(source, meter, createWriteStream(target, { mode: 0o600, flush: true }));
  if (wanted.bytes !== null && bytes !== wanted.bytes) throw differs(wanted, `it ended after ${bytes} of ${wanted.bytes} bytes`);
  const found = hash.digest('hex');
  if (found !== wanted.sha256) throw differs(wanted, `its sha256 is ${found}, pinned is ${wanted.sha256}`);
  return bytes;
}

function differs(wanted: Wanted, why: string): Fault {
  return new Fault('conflict', {
    message: `${wanted.name} was fetched and is not what was pinned: ${why}`,
    reason: 'artefact_differs',
    hint: 'nothing was kept; compare the digest with the release page, and look for a proxy that changes downloads',
  });
}

function storageFault(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return thrown;
  return new Fault('storage_full', {
    message: 'the disk of the control plane is full',
    hint: 'make room below KIPPER_DATA and try again',
    cause: thrown,
  });
}
