import { z } from 'zod';

/** One spelling of an address, so that one person has one account. */
export const email = z
  .string()
  .max(254)
  .transform((text) => text.trim().toLowerCase())
  .pipe(z.email('use an e-mail address'));

export function spellEmail(text: string): string {
  return text.trim().toLowerCase();
}
