export const idPrefixes = {
  organization: 'org',
  person: 'per',
  session: 'ses',
  server: 'srv',
  enrolment: 'enr',
  hostKey: 'hky',
  cluster: 'cls',
  project: 'prj',
  environment: 'env',
  app: 'app',
  release: 'rel',
  run: 'run',
  finding: 'fnd',
  credential: 'crd',
  event: 'evt',
  worker: 'wrk',
  key: 'key',
} as const;

export type IdKind = keyof typeof idPrefixes;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** Ten characters of time, sixteen of randomness (the layout of a ULID), so that ids sort by age. */
export function newId(kind: IdKind, nowMs: number, random: (bytes: number) => Uint8Array): string {
  let time = '';
  for (let rest = nowMs, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  const noise = Array.from(random(16), (byte) => alphabet[byte % 32]).join('');
  return `${idPrefixes[kind]}_${time}${noise}`;
}
