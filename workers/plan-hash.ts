import { createHash } from 'node:crypto';
import { planText, type Plan } from '../core/plan.ts';

/** SHA-256 of a plan's canonical text, 64 lower-case hex digits: what --plan prints and --plan-hash asks for. */
export function planHash(plan: Plan): string {
  return createHash('sha256').update(planText(plan)).digest('hex');
}
