import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MarkerScanner } from '../../workers/marker.ts';

const nonce = '0123456789abcdef';

function cut(text: Buffer, sizes: number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    parts.push(text.subarray(at, at + size));
    at += size;
  }
  return parts;
}

describe('the end of a call', () => {
  test('is found however the stream is cut, and every byte before it is passed on', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom('\n', `\n${nonce}`, `\n${nonce.slice(0, 7)}`, `\n\n${nonce}x `).map((text) => Buffer.from(text)),
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), sizes, fc.integer({ min: 0, max: 255 }), (pieces, lengths, code) => {
        const output = Buffer.concat(pieces);
        const scanner = new MarkerScanner(nonce);
        const seen: Buffer[] = [];
        let exit: number | undefined;
        for (const part of cut(Buffer.concat([output, Buffer.from(`\n${nonce} ${code}\n`)]), lengths)) {
          const found = scanner.push(part);
          seen.push(found.output);
          exit = found.exit ?? exit;
        }
        expect(Buffer.concat(seen).equals(output)).toBe(true);
        expect(exit).toBe(code);
      }),
    );
  });

  test('a code that never ends is a failure, and nothing of it is kept', () => {
    expect(new MarkerScanner(nonce).push(Buffer.from(`x\n${nonce} ${'1'.repeat(10_000)}`))).toMatchObject({ exit: 255 });
  });

  test('a code that is no code counts as a failure', () => {
    expect(new MarkerScanner(nonce).push(Buffer.from(`x\n${nonce} what\n`))).toMatchObject({ exit: 255 });
  });
});
