import { z } from 'zod';
import { appPlace } from './app/names.ts';
import { appSpec } from './app/spec.ts';
import type { FaultView } from './fault.ts';
import type { Finding } from './control.ts';
import type { Plan } from './plan.ts';

/** What a worker can be asked to do. One file in workers/ per kind. */
export const runKinds = ['audit', 'harden', 'undo', 'install', 'uninstall', 'deploy', 'retire'] as const;
export type RunKind = (typeof runKinds)[number];

export const runStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];

export const stepStates = ['planned', 'started', 'changed', 'unchanged', 'failed', 'reverted', 'skipped'] as const;
export type StepState = (typeof stepStates)[number];

export const settled: readonly RunState[] = ['succeeded', 'failed', 'cancelled'];

/** First and last 256 KiB of a step's output are kept, as bytes of UTF-8. */
export const outputKeepBytes = 256 * 1024;
export const heartbeatMs = 5_000;
/** A run whose worker has been silent for longer is given to another. */
export const leaseMs = 20_000;

/** How a worker reaches the server of its run. Host keys are pinned: nothing else is ever accepted. */
export interface Target {
  serverId: string;
  serverName: string;
  address: string;
  port: number;
  user: 'kipper';
  /** SHA256:… fingerprints as OpenSSH prints them. */
  hostKeys: { algorithm: string; fingerprint: string }[];
  /** The public half of the key that the control plane signs with, one authorized_keys line. */
  publicKey: string;
}

/** The answer to a claim: everything a worker needs, and no secret but the run token. */
export interface Claim {
  runId: string;
  kind: RunKind;
  fence: number;
  token: string;
  target: Target;
  input: unknown;
  /** Set when an earlier worker froze a plan: it is resumed, not planned anew. */
  plan: { plan: Plan; hash: string; states: StepState[] } | null;
  timeoutMs: number;
}

export interface Heartbeat {
  token: string;
  cancel: boolean;
}

/** What a run looked at: it resolves the open findings of its own scope only. */
export const findingScopes = ['server', 'cluster', 'app'] as const;
export type FindingScope = (typeof findingScopes)[number];

/** Streamed by the worker, in order; `seq` makes a repeated delivery harmless. */
export type RunRecord =
  | { type: 'step'; index: number; state: StepState; exitCode?: number; durationMs?: number; fault?: FaultView }
  | { type: 'output'; index: number; stream: 'stdout' | 'stderr'; text: string }
  | { type: 'note'; text: string }
  | { type: 'warning'; text: string }
  | { type: 'findings'; scope: FindingScope; findings: Finding[] }
  | { type: 'facts'; facts: unknown };

export interface RecordBatch {
  seq: number;
  records: RunRecord[];
}

export interface Settlement {
  outcome: 'succeeded' | 'failed' | 'cancelled';
  fault?: FaultView;
  /** Small, kind-specific: changed counts, plan hash, image digest, cluster version. */
  result: RunResult;
}

export interface RunResult {
  changed: number;
  planHash?: string;
  planOnly?: boolean;
  imageDigest?: string;
  clusterVersion?: string;
  url?: string;
  kept?: string[];
}

const harden = {
  noHarden: z.boolean().default(false),
  noFirewall: z.boolean().default(false),
  dropLogins: z.array(z.string()).default([]),
  yesSameHost: z.boolean().default(false),
  planOnly: z.boolean().default(false),
  planHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .default(null),
};

/** The input of each run kind as it stands in the record. */
export const runInputs = {
  audit: z.strictObject({}),
  harden: z.strictObject(harden),
  undo: z.strictObject({
    controls: z.array(z.string()).nullable().default(null),
    force: z.boolean().default(false),
    planOnly: harden.planOnly,
  }),
  install: z.strictObject({
    ...harden,
    clusterId: z.string(),
    clusterName: z.string(),
    domain: z.string(),
    tlsSans: z.array(z.string()).default([]),
    artefacts: z.array(
      z.strictObject({
        name: z.string(),
        version: z.string(),
        sha256: z.string(),
        bytes: z.number(),
        image: z.string().optional(),
        file: z.string().optional(),
      }),
    ),
  }),
  uninstall: z.strictObject({ clusterId: z.string() }),
  deploy: z.strictObject({ appId: z.string(), releaseId: z.string(), place: appPlace, spec: appSpec }),
  retire: z.strictObject({ appId: z.string(), place: appPlace, spec: appSpec }),
} as const;

export type RunInput<K extends RunKind> = z.infer<(typeof runInputs)[K]>;
