import { canonical } from './canonical.ts';
import type { KubernetesObject } from './manifest.ts';

/** Raised when steps of the same desire and facts would come out differently. */
export const catalogueVersion = '1';

/**
 * The functions of the host library (bootstrap/parts/host/*.sh): each has check, save, apply, verify and undo there.
 * Values reach them as quoted data only.
 */
export const hostActions = {
  file: ['path', 'owner', 'group', 'mode', 'content', 'absent'],
  directory: ['path', 'owner', 'group', 'mode'],
  attributes: ['path', 'owner', 'group', 'mode'],
  unit: ['unit', 'enable', 'active'],
  package: ['name', 'state'],
  sysctl: ['key', 'value'],
  ufw: ['tcp', 'from', 'forward'],
  sshd: ['path', 'content', 'users'],
  daemon_reload: ['reason'],
  k3s_start: ['unit', 'waitSeconds'],
  k3s_prove: ['canary'],
  k3s_remove: ['unit'],
} as const;

export type HostAction = keyof typeof hostActions;

/** Armed steps are reverted by the host itself unless a new connection proves that nobody is locked out. */
export type Guard = 'sshd' | 'firewall';

interface StepBase {
  /** Unique in its plan and stable between plans: `<control>/<what>`. */
  id: string;
  title: string;
  control?: string;
  timeoutMs: number;
}

/** check → apply → verify on the host, with undo. */
export interface ShellStep extends StepBase {
  kind: 'shell';
  action: HostAction;
  data: Readonly<Record<string, string>>;
  guard?: Guard;
  /** Left out of undo: it only proves or reloads, or is undone with the step before it. */
  once?: boolean;
}

export interface FileStep extends StepBase {
  kind: 'file';
  path: string;
  owner: string;
  group: string;
  mode: string;
  content: { text: string } | { artefact: string; bytes: number } | { absent: true };
}

export interface ManifestStep extends StepBase {
  kind: 'manifest';
  verb: 'apply' | 'delete';
  object: KubernetesObject;
  /** What has to be true before the next step begins. */
  wait?: 'established' | 'available' | 'gone';
}

/** Outside-in: made by the worker, not by the host. */
export interface ProbeStep extends StepBase {
  kind: 'probe';
  probe:
    | { type: 'login' }
    | { type: 'tcp'; port: number; expect: 'open' | 'closed' }
    | { type: 'nodeReady' }
    | { type: 'https'; host: string; path: string };
}

/** Undoes one entry of the host's own undo list. */
export interface UndoStep extends StepBase {
  kind: 'undo';
  entry: string;
  guard?: Guard;
  force: boolean;
}

export type Step = ShellStep | FileStep | ManifestStep | ProbeStep | UndoStep;

export interface Plan {
  /** What was wished for, in full: part of the hash. */
  wish: unknown;
  catalogue: string;
  steps: readonly Step[];
}

export function makePlan(wish: unknown, steps: readonly Step[]): Plan {
  const seen = new Set<string>();
  for (const step of steps) {
    if (seen.has(step.id)) throw new TypeError(`plan: two steps are called ${step.id}`);
    seen.add(step.id);
  }
  return { wish, catalogue: catalogueVersion, steps };
}

const ourIds = /\b([a-z]{3}_)[0-9a-hjkmnp-tv-z]{26}\b/g;

/**
 * The text that a plan hash (SHA-256, lower-case hex) is taken over: no times, no ids. What is wished for before a cluster has
 * its id and what is applied afterwards are the same plan.
 */
export function planText(plan: Plan): string {
  return canonical({ catalogue: plan.catalogue, steps: plan.steps, wish: plan.wish }).replaceAll(ourIds, '$1');
}

/** One line a step, as `--plan` prints it. */
export function renderPlan(plan: Plan): string {
  if (plan.steps.length === 0) return 'nothing to change\n';
  return plan.steps.map((step, index) => `${String(index + 1).padStart(3)}  ${step.title}\n`).join('');
}
