import type { KubernetesObject } from '../manifest.ts';
import { fenceAnnotation } from '../manifest.ts';

/**
 * Paths at which what the API server stored lacks or differs from what was sent. Values are never part of the answer,
 * so that it can be shown for Secrets too. Fields that others added are none of our business.
 */
export function missingFrom(live: unknown, wanted: unknown, path = ''): string[] {
  if (isEmpty(wanted)) return isEmpty(live) || sameKind(live, wanted) ? [] : [path];
  if (Array.isArray(wanted)) return Array.isArray(live) ? missingItems(live, wanted, path) : [path];
  if (isRecord(wanted)) {
    if (!isRecord(live)) return [path];
    return Object.entries(wanted).flatMap(([key, value]) =>
      value === undefined ? [] : missingFrom(live[key], value, path === '' ? key : `${path}.${key}`),
    );
  }
  if (live === wanted || sameQuantity(live, wanted)) return [];
  return [path];
}

function missingItems(live: readonly unknown[], wanted: readonly unknown[], path: string): string[] {
  const named = wanted.every((item) => isRecord(item) && typeof item['name'] === 'string');
  if (!named && live.length !== wanted.length) return [path];
  return wanted.flatMap((item, index) => {
    const partner =
      named && isRecord(item)
        ? live.find((one) => isRecord(one) && one['name'] === item['name'] && one['containerPort'] === item['containerPort'])
        : live[index];
    return missingFrom(named && partner === undefined ? live[index] : partner, item, `${path}[${index}]`);
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API server leaves out empty members. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isRecord(value) && Object.keys(value).length === 0)
  );
}

function sameKind(live: unknown, wanted: unknown): boolean {
  return isRecord(wanted) && isRecord(live);
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The API server rewrites quantities to their shortest form (1000m is stored as 1). */
function sameQuantity(live: unknown, wanted: unknown): boolean {
  const a = quantity(live);
  return a !== null && a === quantity(wanted);
}

function quantity(value: unknown): number | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const found = /^(\d{1,15}(?:\.\d{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value));
  return found === null ? null : Math.round(Number(found[1]) * (suffixes[found[2] ?? ''] ?? 1) * 1e3);
}

/** Whether a write changed anything that a person wished for; the server's own book-keeping and our fence do not count. */
export function sameObject(before: KubernetesObject, after: KubernetesObject): boolean {
  return JSON.stringify(sorted(stripped(before))) === JSON.stringify(sorted(stripped(after)));
}

function stripped(object: KubernetesObject): unknown {
  const { status: _status, metadata, ...rest } = object;
  const annotations = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => key !== fenceAnnotation));
  return { ...rest, labels: metadata.labels ?? {}, annotations };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
