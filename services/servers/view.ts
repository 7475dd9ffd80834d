import { z } from 'zod';
import { findingScopes } from '../../core/runs.ts';
import { causeOf } from '../../core/server/doctor.ts';
import type { findings } from '../db/tables.ts';
import { serverStates, severities } from '../db/tables.ts';
import type { ServerRow } from './find.ts';

const cause = z.object({ name: z.string(), sentence: z.string(), hint: z.string() }).meta({ id: 'Cause' });
const pinned = z.object({ algorithm: z.string(), fingerprint: z.string(), pinnedAtMs: z.int() }).meta({ id: 'PinnedHostKey' });

export const serverView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(serverStates),
    address: z.string().nullable(),
    port: z.int().nullable(),
    /** Why our key cannot reach an enrolled server; null while it can. */
    unreachable: cause.nullable(),
    hostKeys: z.array(pinned),
    facts: z.record(z.string(), z.unknown()).nullable(),
    hardenedAtMs: z.int().nullable(),
    lastSeenAtMs: z.int().nullable(),
    createdAtMs: z.int(),
  })
  .meta({ id: 'Server' });
export type ServerView = z.infer<typeof serverView>;

/** Short facts only: the whole probe is for the capabilities, not for a list. */
const shown = ['osId', 'osVersion', 'arch', 'kernel', 'virtualization', 'memoryBytes', 'cpus', 'hostname', 'cgroupVersion', 'k3s'] as const;

export function viewServer(row: ServerRow, hostKeys: ServerView['hostKeys']): ServerView {
  const facts = row.facts === null ? null : (JSON.parse(row.facts) as Record<string, unknown>);
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    address: row.address,
    port: row.port,
    unreachable: row.unreachableCause === null ? null : viewCause(row.unreachableCause, row.name),
    hostKeys,
    facts: facts === null ? null : Object.fromEntries(shown.filter((key) => key in facts).map((key) => [key, facts[key]])),
    hardenedAtMs: row.hardenedAtMs,
    lastSeenAtMs: row.lastSeenAtMs,
    createdAtMs: row.createdAtMs,
  };
}

function viewCause(name: string, server: string): z.infer<typeof cause> {
  const known = causeOf(name);
  return { name: known.name, sentence: known.sentence, hint: known.hint.replaceAll('SERVER', server) };
}

export const findingView = z
  .object({
    id: z.string(),
    serverId: z.string(),
    appId: z.string().nullable(),
    runId: z.string(),
    scope: z.enum(findingScopes),
    control: z.string(),
    title: z.string(),
    severity: z.enum(severities),
    evidence: z.string(),
    hint: z.string(),
    standards: z.array(z.string()),
    remedy: z.enum(['fixable', 'skipped', 'owner']),
    foundAtMs: z.int(),
    resolvedAtMs: z.int().nullable(),
  })
  .meta({ id: 'Finding' });
export type FindingView = z.infer<typeof findingView>;

export function viewFinding(row: typeof findings.$inferSelect): FindingView {
  const { organizationId: _, standards, ...rest } = row;
  return { ...rest, standards: JSON.parse(standards) as string[] };
}

export const enrolmentView = z
  .object({
    id: z.string(),
    url: z.string(),
    /** Shown once. The claim in the SSH way carries it too. */
    token: z.string(),
    /** What to paste on the server; null when it is enrolled over SSH. */
    line: z.string().nullable(),
    check: z.string().nullable(),
    scriptSha256: z.string(),
    expiresAtMs: z.int(),
  })
  .meta({ id: 'Enrolment' });
export type EnrolmentView = z.infer<typeof enrolmentView>;
