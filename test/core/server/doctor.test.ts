import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { causes } from '../../../core/server/causes.ts';
import { causeOf, renderCauses } from '../../../core/server/doctor.ts';

const entries = Object.entries(causes) as [string, { exit?: number; sentence: string; hint: string }][];

test('B1 at least 25 causes, each with one sentence and a next step that can be pasted or followed', () => {
  expect(entries.length).toBeGreaterThanOrEqual(25);
  for (const [name, cause] of entries) {
    expect(cause.sentence, name).toMatch(/^.{10,160}[^.]$/);
    expect(cause.hint, name).toMatch(/`|use |wait |do not |paste |put |give /);
  }
});

test('every numbered refusal of the script is a cause, and every exit code of a cause is a refusal', () => {
  const folder = new URL('../../../bootstrap/parts/enrol/', import.meta.url);
  const text = readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  const used = [...text.matchAll(/\brefuse (\d+) /g)].map((match) => Number(match[1])).filter((code) => code !== 1);
  const named = entries.flatMap(([, cause]) => cause.exit ?? []);
  expect([...new Set(used)].toSorted()).toEqual(named.toSorted());
});

test('every reason that a worker or the preflight gives a person is a cause', () => {
  const files = ['workers/reasons.ts', 'core/k3s/preflight.ts'];
  const text = files.map((file) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')).join('\n');
  const reasons = [...text.matchAll(/^ {2}([a-z_]+): \{(?: message|$)|refuse\(\s*'([a-z_0-9]+)'/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  expect(reasons.length).toBeGreaterThan(15);
  expect(reasons.filter((name) => causeOf(name).name === 'unknown')).toEqual([]);
});

test('docs/doctor.md is what the table says', () => {
  expect(readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8'), 'run bin/node bin/docs.ts').toBe(renderCauses());
});
