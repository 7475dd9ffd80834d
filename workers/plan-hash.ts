import { createHash } from 'node:crypto';
import { noClusterId } from '../core/k3s/wish.ts';
import { planText, type Plan } from '../core/plan.ts';

/** SHA-256 of a plan's canonical text, 64 lower-case hex digits: what --plan prints and --plan-hash asks for. */
export function planHash(plan: Plan): string {
  return createHash('sha256').update(planText(plan)).digest('hex');
}

/** The hash that a preview printed for the same plan, when the cluster had no id yet. */
export function previewHash(plan: Plan, clusterId: string): string {
  return createHash('sha256').update(planText(plan).replaceAll(clusterId, noClusterId)).digest('hex');
}
