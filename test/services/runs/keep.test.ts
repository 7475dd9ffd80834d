import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outputKeepBytes } from '../../../core/runs.ts';
import { keepOutput, type Kept } from '../../../services/runs/keep.ts';

const nothing: Kept = { outputHead: '', outputTail: '', outputBytes: 0 };
const keepAll = (chunks: string[]) => chunks.reduce(keepOutput, nothing);

describe("what is kept of a step's output", () => {
  test('10 MB become the first and the last 256 KiB, and the size is known', () => {
    const line = (n: number) => `${String(n).padStart(15, '0')}\n`;
    const lines = Array.from({ length: 655_360 }, (_, n) => line(n));
    const text = lines.join('');
    const chunks = Array.from({ length: Math.ceil(text.length / 65_536) }, (_, n) => text.slice(n * 65_536, (n + 1) * 65_536));
    const kept = keepAll(chunks);
    expect(kept.outputBytes).toBe(10_485_760);
    expect(kept.outputHead).toBe(text.slice(0, outputKeepBytes));
    expect(kept.outputTail).toBe(text.slice(-outputKeepBytes));
  });

  test('no character is cut, whatever was printed and however it was cut into chunks', () => {
    const wide = fc.stringMatching(/^[aé€😀\ufffd]{0,40}$/u).map((text) => text.repeat(2_000));
    fc.assert(
      fc.property(fc.array(wide, { maxLength: 8 }), (chunks) => {
        const text = chunks.join('');
        const kept = keepAll(chunks);
        const bytes = Buffer.byteLength(text);
        expect(kept.outputBytes).toBe(bytes);
        expect(Buffer.byteLength(kept.outputHead)).toBeLessThanOrEqual(outputKeepBytes);
        expect(Buffer.byteLength(kept.outputTail)).toBeLessThanOrEqual(outputKeepBytes);
        expect(text.startsWith(kept.outputHead)).toBe(true);
        expect(text.endsWith(kept.outputTail)).toBe(true);
        if (bytes <= outputKeepBytes * 2 - 8) expect(kept.outputHead + kept.outputTail).toBe(text);
      }),
      { numRuns: 60 },
    );
  });
});
