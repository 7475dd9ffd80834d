import { and, eq, isNotNull } from 'drizzle-orm';
import { z } from 'zod';
import { canonical } from '../../core/canonical.ts';
import { Fault } from '../../core/fault.ts';
import { archiveName, architectures, neededArtefacts, type Architecture, type ArtefactEntry } from '../../core/k3s/catalogue.ts';
import type { PlannedArtefact } from '../../core/k3s/wish.ts';
import { parsed } from '../../core/parse.ts';
import { demandOwner, organizationOf, type Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { artefacts } from '../db/tables.ts';
import { writeEvent } from '../events.ts';
import { catalogueFor } from './catalogue.ts';
import { publishedDigest } from './published.ts';
import { ensureStored } from './store.ts';

export const artefactView = z
  .object({
    name: z.string(),
    version: z.string(),
    arch: z.enum(architectures),
    source: z.string(),
    sha256: z.string().nullable(),
    sumsUrl: z.string().nullable(),
    /** `pinned` by the catalogue or a file, `accepted` by an owner, or `unpinned`: not used until an owner accepts a digest. */
    trust: z.enum(['pinned', 'accepted', 'unpinned']),
    stored: z.boolean(),
  })
  .meta({ id: 'Artefact' });
export type ArtefactView = z.infer<typeof artefactView>;

export const acceptInput = z
  .strictObject({
    name: z.string().max(40),
    arch: z.enum(architectures),
    /** The digest that the person saw; without it the answer says which one the release publishes. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'use 64 lower-case hexadecimal digits')
      .nullable()
      .default(null),
  })
  .meta({ id: 'ArtefactAcceptance' });

/** What installs use, for every architecture. */
export function listArtefacts(ctx: Context, actor: Actor): ArtefactView[] {
  organizationOf(actor);
  return architectures.flatMap((arch) => catalogueFor(ctx.config, arch).map((entry) => viewEntry(ctx, entry)));
}

function viewEntry(ctx: Context, entry: ArtefactEntry): ArtefactView {
  const pinned = pinnedDigest(entry);
  const sha256 = pinned ?? acceptedDigest(ctx, entry);
  const row =
    sha256 === null ? undefined : ctx.db.select({ bytes: artefacts.bytes }).from(artefacts).where(eq(artefacts.sha256, sha256)).get();
  return {
    name: entry.name,
    version: entry.version,
    arch: entry.arch,
    source: entry.url ?? entry.image ?? '',
    sha256,
    sumsUrl: entry.sumsUrl ?? null,
    trust: pinned !== null ? 'pinned' : sha256 !== null ? 'accepted' : 'unpinned',
    stored: row !== undefined,
  };
}

/** An image that the host pulls is pinned by the registry's digest; everything else by the digest of its file. */
function pinnedDigest(entry: ArtefactEntry): string | null {
  return entry.url === undefined ? (entry.imageDigest?.slice('sha256:'.length) ?? null) : entry.sha256;
}

function acceptedDigest(ctx: Context, entry: ArtefactEntry): string | null {
  const same = and(
    eq(artefacts.name, entry.name),
    eq(artefacts.version, entry.version),
    eq(artefacts.arch, entry.arch),
    isNotNull(artefacts.acceptedBy),
  );
  return ctx.db.select({ sha256: artefacts.sha256 }).from(artefacts).where(same).get()?.sha256 ?? null;
}

/** Accepts the digest of an entry that nobody has pinned. It has to be the published one, seen by an owner; that is an Event. */
export async function acceptArtefact(ctx: Context, actor: Actor, input: z.input<typeof acceptInput>): Promise<ArtefactView> {
  demandOwner(actor, 'accept an artefact');
  const wish = parsed(acceptInput, input);
  const entry = catalogueFor(ctx.config, wish.arch).find((one) => one.name === wish.name);
  if (entry === undefined)
    throw new Fault('not_found', { message: 'no such artefact', field: '/name', hint: 'list them with kip artefact ls' });
  if (pinnedDigest(entry) !== null) return viewEntry(ctx, entry);
  const published = await publishedDigest(entry, { targets: ctx.config.targets });
  if (wish.sha256 !== published) throw unaccepted(entry, published);
  await accept(ctx, actor, entry, published);
  return viewEntry(ctx, entry);
}

function unaccepted(entry: ArtefactEntry, published: string): Fault {
  return new Fault('conflict', {
    message: `nobody has accepted ${entry.name} ${entry.version} (${entry.arch}) yet; its release publishes sha256 ${published} at ${entry.sumsUrl ?? entry.image ?? ''}`,
    reason: 'artefact_unpinned',
    field: '/sha256',
    hint: `compare it with the release page, then accept it: kip install --accept-artifacts, or POST /v1/artefacts with this sha256`,
  });
}

async function accept(ctx: Context, actor: Actor, entry: ArtefactEntry, sha256: string): Promise<void> {
  const bytes = entry.url === undefined ? 0 : await ensureStored(ctx, { name: entry.name, url: entry.url, sha256, bytes: entry.bytes });
  atomically(ctx.db, () => {
    remember(ctx, entry, sha256, bytes, canonical(actor));
    writeEvent(ctx, actor, {
      organizationId: organizationOf(actor),
      name: 'artefact.accepted',
      subject: sha256,
      data: {
        name: entry.name,
        version: entry.version,
        arch: entry.arch,
        source: entry.url ?? entry.image ?? '',
        sumsUrl: entry.sumsUrl ?? null,
      },
    });
  });
}

function remember(ctx: Context, entry: ArtefactEntry, sha256: string, bytes: number, acceptedBy: string | null): void {
  ctx.db
    .insert(artefacts)
    .values({
      sha256,
      name: entry.name,
      version: entry.version,
      arch: entry.arch,
      bytes,
      source: entry.url ?? entry.image ?? '',
      acceptedBy,
      createdAtMs: ctx.now(),
    })
    .onConflictDoUpdate({ target: artefacts.sha256, set: acceptedBy === null ? { bytes } : { bytes, acceptedBy } })
    .run();
}

/** Everything an install needs, in the store and checked. With `acceptAll` an owner accepts what the releases publish. */
export async function prepareArtefacts(ctx: Context, actor: Actor, arch: Architecture, acceptAll: boolean): Promise<PlannedArtefact[]> {
  const entries = catalogueFor(ctx.config, arch);
  const known = new Set(entries.map((entry) => entry.name));
  const absent = neededArtefacts.find((name) => !known.has(name));
  if (absent !== undefined)
    throw new Fault('unavailable', {
      message: `the catalogue has no ${absent} for ${arch}`,
      reason: 'artefact_missing',
      hint: 'add it to the KIPPER_ARTIFACTS file',
    });
  if (acceptAll) demandOwner(actor, 'accept artefacts');
  const planned: PlannedArtefact[] = [];
  for (const entry of entries) planned.push(await prepareOne(ctx, actor, entry, acceptAll));
  return planned;
}

async function prepareOne(ctx: Context, actor: Actor, entry: ArtefactEntry, acceptAll: boolean): Promise<PlannedArtefact> {
  let sha256 = pinnedDigest(entry) ?? acceptedDigest(ctx, entry);
  if (sha256 === null) {
    const published = await publishedDigest(entry, { targets: ctx.config.targets });
    if (!acceptAll) throw unaccepted(entry, published);
    await accept(ctx, actor, entry, published);
    sha256 = published;
  }
  const bytes = entry.url === undefined ? 0 : await ensureStored(ctx, { name: entry.name, url: entry.url, sha256, bytes: entry.bytes });
  remember(ctx, entry, sha256, bytes, null);
  const file = archiveName(entry);
  return {
    name: entry.name,
    version: entry.version,
    sha256,
    bytes,
    ...(entry.image === undefined ? {} : { image: entry.image }),
    ...(file === undefined ? {} : { file }),
  };
}
