import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Redactor } from '../../workers/redact.ts';

function shown(secrets: string[], chunks: string[]): string {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return chunks.map((chunk) => redactor.pass('0 stdout', chunk)).join('') + redactor.flush('0 stdout');
}

describe('redaction', () => {
  test('T60 T65 a secret is replaced wherever the borders of chunks fall', () => {
    const text = 'before canary-4711-secret after canary-4711-secre and canary-4711-secretcanary-4711-secret';
    for (let at = 0; at <= text.length; at += 1) {
      for (let to = at; to <= text.length; to += 7) {
        expect(shown(['canary-4711-secret'], [text.slice(0, at), text.slice(at, to), text.slice(to)])).toBe(
          'before [redacted] after canary-4711-secre and [redacted]'.replace(/\[redacted\]$/, '[redacted][redacted]'),
        );
      }
    }
  });

  test('holds for any secrets, overlapping ones too, and any chunks; the rest of the text stays', () => {
    const secret = fc.stringMatching(/^[ab]{6,9}$/);
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.oneof(secret, fc.stringMatching(/^[abc]{0,6}$/)), { maxLength: 12 }),
        (secrets, chunks) => {
          const out = shown(secrets, chunks);
          for (const each of secrets) expect(out).not.toContain(each);
          expect(out).toBe(shown(secrets, [chunks.join('')]));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('streams do not mix, and nothing is kept back where no secret is known', () => {
    const redactor = new Redactor();
    expect(redactor.pass('a', 'all of it')).toBe('all of it');
    redactor.add('secret-value');
    expect(redactor.pass('a', 'secret-') + redactor.pass('b', 'value')).toBe('value');
    expect(redactor.flush('a')).toBe('secret-');
    expect(redactor.deep({ a: ['x secret-value'], b: 1 })).toEqual({ a: ['x [redacted]'], b: 1 });
  });
});
