import { z } from 'zod';
import { faultCodes, longestName, longestSentence, type FaultCode } from './fault.ts';
import type { Plan } from './plan.ts';
import { findingScopes, stepStates } from './runs.ts';

/** The bodies of the run API. A worker that was taken over is a hostile peer: shapes and sizes are closed. */

/** How many runs one worker process carries at a time: they wait for hosts, not for the processor. */
export const workerSlots = 20;
export const batchMaxBytes = 1024 * 1024;
export const planMaxBytes = 16 * 1024 * 1024;
export const signaturesPerRun = 64;
/** Titles that a settlement may name. */
export const keptMost = 1_000;

const codes = Object.keys(faultCodes) as [FaultCode, ...FaultCode[]];
const sentence = z.string().max(longestSentence);

export const faultView = z.strictObject({
  code: z.enum(codes),
  message: sentence,
  hint: sentence.optional(),
  field: z.string().max(longestName).optional(),
  reason: z.string().max(longestName).optional(),
});

const finding = z.strictObject({
  control: z.string().max(200),
  title: sentence,
  severity: z.enum(['critical', 'high', 'medium', 'low', 'info']),
  evidence: z.string().max(16_000),
  hint: z.string().max(16_000),
  standards: z.array(z.string().max(200)).max(32),
  remedy: z.enum(['fixable', 'skipped', 'owner']),
});

const index = z.number().int().min(0).max(10_000);

export const runRecord = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('step'),
    index,
    state: z.enum(stepStates),
    exitCode: z.number().int().optional(),
    durationMs: z.number().min(0).optional(),
    fault: faultView.optional(),
  }),
  z.strictObject({ type: z.literal('output'), index, stream: z.enum(['stdout', 'stderr']), text: z.string().max(256 * 1024) }),
  z.strictObject({ type: z.literal('note'), text: z.string().max(16_000) }),
  z.strictObject({ type: z.literal('warning'), text: z.string().max(16_000) }),
  z.strictObject({ type: z.literal('findings'), scope: z.enum(findingScopes), findings: z.array(finding).max(1_000) }),
  z.strictObject({ type: z.literal('facts'), facts: z.unknown() }),
]);

export const recordBatch = z.strictObject({ seq: z.number().int().min(1), records: z.array(runRecord).max(2_000) });

/** A step's own shape is checked by its hash and by the worker that executes it; here only what the record relies on. */
const planStep = z.looseObject({
  id: z.string().min(1).max(300),
  kind: z.enum(['shell', 'file', 'manifest', 'probe', 'undo']),
  title: z.string().max(1_000),
  control: z.string().max(200).optional(),
  timeoutMs: z.number().min(0),
});
export const planBody = z.strictObject({
  plan: z
    .strictObject({ wish: z.unknown(), catalogue: z.string().max(40), steps: z.array(planStep).max(5_000) })
    .transform((plan) => plan as unknown as Plan),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export const settlementBody = z.strictObject({
  outcome: z.enum(['succeeded', 'failed', 'cancelled']),
  fault: faultView.optional(),
  result: z.strictObject({
    changed: z.number().int().min(0),
    planHash: z.string().max(64).optional(),
    planOnly: z.boolean().optional(),
    imageDigest: z.string().max(300).optional(),
    clusterVersion: z.string().max(100).optional(),
    url: z.string().max(2_000).optional(),
    kept: z.array(z.string().max(1_000)).max(keptMost).optional(),
  }),
});

export const signBody = z.strictObject({ challenge: z.base64().max(8_192) });
export const claimBody = z.strictObject({ runId: z.string().max(64) });
