import { describe, expect, test } from 'vitest';
import { assessHardening } from '../../../core/hardening/assess.ts';
import { planHardening } from '../../../core/hardening/plan.ts';
import { defaultWish } from '../../../core/hardening/wish.ts';
import { makePlan, planText, renderPlan, type Step } from '../../../core/plan.ts';
import { factsOf, goldenFile, recordings } from './recorded.ts';

function detailOf(step: Step): string {
  if (step.kind === 'shell') return JSON.stringify({ action: step.action, guard: step.guard, ...step.data });
  return step.kind === 'file' ? JSON.stringify({ path: step.path, mode: step.mode, ...step.content }) : '';
}

describe('plans of recorded hosts', () => {
  test.each(recordings)('%s: the plan and the findings are the reviewed ones', async (name) => {
    const facts = factsOf(name);
    const plan = makePlan({}, planHardening(defaultWish, facts));
    const findings = assessHardening(defaultWish, facts).map(
      (each) => `${each.remedy} ${each.severity} ${each.control}: ${each.title}\n    ${each.evidence}\n    ${each.hint}\n`,
    );
    const details = plan.steps.map((step) => `${step.id} ${detailOf(step)}\n`);
    await expect(`${renderPlan(plan)}\n${details.join('')}\n${findings.join('')}`).toMatchFileSnapshot(goldenFile(name));
  });

  test('the same wish and facts always make the same plan text', () => {
    const text = () => planText(makePlan({}, planHardening(defaultWish, factsOf('bare'))));
    expect(text()).toBe(text());
  });
});
