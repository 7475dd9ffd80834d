import { z } from 'zod';
import { personRoles, type organizations, type people, type sessions } from '../db/tables.ts';

export const personView = z
  .object({ id: z.string(), email: z.string(), role: z.enum(personRoles), createdAtMs: z.int() })
  .meta({ id: 'Person' });
export type PersonView = z.infer<typeof personView>;

export const organizationView = z.object({ id: z.string(), name: z.string(), createdAtMs: z.int() }).meta({ id: 'Organization' });

export const sessionView = z
  .object({ id: z.string(), client: z.string(), createdAtMs: z.int(), lastUsedAtMs: z.int(), expiresAtMs: z.int() })
  .meta({ id: 'Session' });
export type SessionView = z.infer<typeof sessionView>;

export const meView = z.object({ person: personView, organization: organizationView, session: sessionView }).meta({ id: 'Me' });
export type MeView = z.infer<typeof meView>;

/** The one answer that holds tokens. */
export const signedInView = z
  .object({
    session: sessionView,
    person: personView,
    accessToken: z.string(),
    accessTokenExpiresAtMs: z.int(),
    refreshToken: z.string().meta({ description: 'good for one refresh; using it twice ends the session' }),
  })
  .meta({ id: 'SignedIn' });
export type SignedInView = z.infer<typeof signedInView>;

export function viewPerson(row: typeof people.$inferSelect): PersonView {
  return { id: row.id, email: row.email, role: row.role, createdAtMs: row.createdAtMs };
}

export function viewOrganization(row: typeof organizations.$inferSelect): z.infer<typeof organizationView> {
  return { id: row.id, name: row.name, createdAtMs: row.createdAtMs };
}

export function viewSession(row: typeof sessions.$inferSelect): SessionView {
  return { id: row.id, client: row.client, createdAtMs: row.createdAtMs, lastUsedAtMs: row.lastUsedAtMs, expiresAtMs: row.expiresAtMs };
}
