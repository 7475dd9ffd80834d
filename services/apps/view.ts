import { z } from 'zod';
import { apps, appStates, releases, releaseStates } from '../db/tables.ts';

export type AppRow = typeof apps.$inferSelect;
export type ReleaseRow = typeof releases.$inferSelect;

export const appView = z
  .object({
    id: z.string(),
    name: z.string(),
    project: z.string(),
    environment: z.string(),
    cluster: z.string(),
    clusterId: z.string(),
    state: z.enum(appStates),
    url: z.string(),
    certificate: z.enum(['self-signed']).meta({ description: 'until certificates are issued, clients have to be told to accept this one' }),
    curl: z.string().meta({ description: 'a command line that reaches the app now, whatever DNS and certificates say' }),
    createdAtMs: z.int(),
    removedAtMs: z.int().nullable(),
  })
  .meta({ id: 'App' });
export type AppView = z.infer<typeof appView>;

export const releaseView = z
  .object({
    id: z.string(),
    number: z.int(),
    state: z.enum(releaseStates),
    spec: z.record(z.string(), z.unknown()),
    specSha256: z.string(),
    imageDigest: z.string().nullable(),
    fault: z.record(z.string(), z.unknown()).nullable(),
    createdAtMs: z.int(),
    settledAtMs: z.int().nullable(),
  })
  .meta({ id: 'Release' });
export type ReleaseView = z.infer<typeof releaseView>;

/** What a client sees of an app. The certificate is self-signed until certificates come, and every URL says so. */
export function viewApp(row: AppRow, parts: { project: string; environment: string; cluster: string; address: string | null }): AppView {
  const url = `https://${row.host}/`;
  return {
    id: row.id,
    name: row.name,
    project: parts.project,
    environment: parts.environment,
    cluster: parts.cluster,
    clusterId: row.clusterId,
    state: row.state,
    url,
    certificate: 'self-signed',
    curl: curlLine(row.host, parts.address),
    createdAtMs: row.createdAtMs,
    removedAtMs: row.removedAtMs,
  };
}

function curlLine(host: string, address: string | null): string {
  if (address === null) return `curl -k https://${host}/`;
  return `curl -k --resolve ${host}:443:${address.includes(':') ? `[${address}]` : address} https://${host}/`;
}

export function viewRelease(row: ReleaseRow): ReleaseView {
  return {
    id: row.id,
    number: row.number,
    state: row.state,
    spec: JSON.parse(row.spec) as Record<string, unknown>,
    specSha256: row.specSha256,
    imageDigest: row.imageDigest,
    fault: row.fault === null ? null : (JSON.parse(row.fault) as Record<string, unknown>),
    createdAtMs: row.createdAtMs,
    settledAtMs: row.settledAtMs,
  };
}
