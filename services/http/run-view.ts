import { z } from 'zod';
import { runKinds, runStates, stepStates } from '../../core/runs.ts';

const faultView = z
  .object({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    field: z.string().optional(),
    reason: z.string().optional(),
  })
  .meta({ id: 'Fault' });

const resultView = z
  .object({
    changed: z.int(),
    planHash: z.string().optional(),
    planOnly: z.boolean().optional(),
    imageDigest: z.string().optional(),
    clusterVersion: z.string().optional(),
    url: z.string().optional(),
    kept: z.array(z.string()).optional(),
  })
  .meta({ id: 'RunResult' });

export const runView = z
  .object({
    id: z.string(),
    kind: z.enum(runKinds),
    state: z.enum(runStates),
    serverId: z.string(),
    clusterId: z.string().nullable(),
    appId: z.string().nullable(),
    releaseId: z.string().nullable(),
    planHash: z.string().nullable(),
    attempts: z.int(),
    cancelling: z.boolean(),
    fault: faultView.nullable(),
    result: resultView.nullable(),
    createdBy: z.string(),
    retryOf: z.string().nullable(),
    queuedAtMs: z.int(),
    startedAtMs: z.int().nullable(),
    settledAtMs: z.int().nullable(),
  })
  .meta({ id: 'Run' });

export const stepView = z
  .object({
    index: z.int(),
    id: z.string(),
    kind: z.string(),
    title: z.string(),
    control: z.string().nullable(),
    command: z.string().nullable(),
    state: z.enum(stepStates),
    exitCode: z.int().nullable(),
    startedAtMs: z.int().nullable(),
    durationMs: z.int().nullable(),
    fault: faultView.nullable(),
    outputHead: z.string(),
    outputTail: z.string(),
    outputBytes: z.int(),
  })
  .meta({ id: 'Step' });
