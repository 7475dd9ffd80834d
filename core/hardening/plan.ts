import type { Step } from '../plan.ts';
import type { ServerFacts } from '../server/facts.ts';
import { controls } from './controls.ts';
import { maskBefore } from './controls/surplus-services.ts';
import type { HardenWish } from './wish.ts';

/** The steps that make the controls hold; none when they hold already or are opted out of. */
export function planHardening(wish: HardenWish, facts: ServerFacts): Step[] {
  const steps = controls.filter((control) => !wish[control.optOut]).flatMap((control) => control.plan(facts, wish));
  return maskedFirst(steps, facts);
}

/** Puts the masks of what a package brings before the step that installs it. */
export function maskedFirst(steps: readonly Step[], facts: ServerFacts): Step[] {
  const done = new Set(steps.map((step) => step.id));
  return steps.flatMap((step) => {
    if (step.kind !== 'shell' || step.action !== 'package') return [step];
    const masks = maskBefore(step.data['name'] ?? '', facts).filter((mask) => !done.has(mask.id));
    for (const mask of masks) done.add(mask.id);
    return [...masks, step];
  });
}
