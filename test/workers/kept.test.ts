import { expect, test } from 'vitest';
import { settlementBody } from '../../core/wire.ts';
import { keptTitles } from '../../workers/kept.ts';

test('however much stays on a host, the settlement is one that the control plane takes', () => {
  const kept = keptTitles(Array.from({ length: 4_000 }, (_, at) => `undo: ${at} ${'x'.repeat(2_000)}`));
  expect(settlementBody.safeParse({ outcome: 'succeeded', result: { changed: 0, kept } }).success).toBe(true);
  expect(kept.at(-1)).toBe('and 3001 more');
  expect(keptTitles(['a', 'b'])).toEqual(['a', 'b']);
});
