import type { Place } from './vault.ts';

/** Where each sealed column lives. Who seals, who opens and the rotation of the key all ask here. */
export const places = {
  serverKey: (id: string): Place => ({ row: id, field: 'server_keys.private_sealed' }),
  signingKey: (kid: string): Place => ({ row: kid, field: 'signing_keys.private_sealed' }),
  credential: (id: string): Place => ({ row: id, field: 'credentials.sealed' }),
  meta: (key: string): Place => ({ row: key, field: 'meta.value' }),
} as const;
