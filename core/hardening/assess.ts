import type { Finding } from '../control.ts';
import type { ServerFacts } from '../server/facts.ts';
import { controls } from './controls.ts';
import type { HardenWish } from './wish.ts';

/** What every control finds. An opt-out leaves the finding and says that it was skipped. */
export function assessHardening(wish: HardenWish, facts: ServerFacts): Finding[] {
  return controls.flatMap((control) =>
    control
      .assess(facts, wish)
      .map((each) => (wish[control.optOut] && each.remedy === 'fixable' ? { ...each, remedy: 'skipped' as const } : each)),
  );
}
