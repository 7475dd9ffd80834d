import { apps, releases } from '../db/tables.ts';

export type AppRow = typeof apps.$inferSelect;
export type ReleaseRow = typeof releases.$inferSelect;

/** What a client sees of an app. The certificate is self-signed until certificates come, and every URL says so. */
export function viewApp(row: AppRow, parts: { project: string; environment: string; cluster: string; address: string | null }) {
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
    certificate: 'self-signed' as const,
    curl: parts.address === null ? `curl -k ${url}` : `curl -k --resolve ${row.host}:443:${parts.address.includes(':') ? `[${parts.address}]` : parts.address} ${url}`,
    createdAtMs: row.createdAtMs,
    removedAtMs: row.removedAtMs,
  };
}

export function viewRelease(row: ReleaseRow) {
  return {
    id: row.id,
    number: row.number,
    state: row.state,
    spec: JSON.parse(row.spec) as unknown,
    specSha256: row.specSha256,
    imageDigest: row.imageDigest,
    fault: row.fault === null ? null : (JSON.parse(row.fault) as unknown),
    createdAtMs: row.createdAtMs,
    settledAtMs: row.settledAtMs,
  };
}

export type AppView = ReturnType<typeof viewApp>;
export type ReleaseView = ReturnType<typeof viewRelease>;
