import type { Place } from './vault.ts';

/** Where each sealed column lives. Who seals, who opens and the rotation of the key all ask here. */
export const places = {
  serverKey: (id: string): Place => ({ row: id, field: 'private_sealed' }),
  signingKey: (kid: string): Place => ({ row: kid, field: 'private_sealed' }),
  credential: (id: string): Place => ({ row: id, field: 'sealed' }),
  meta: (key: string): Place => ({ row: key, field: 'value' }),
} as const;
