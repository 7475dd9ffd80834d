import { compare, hash } from '@node-rs/bcrypt';
import { z } from 'zod';

/** OWASP's floor is 10; 12 costs about 0.2 s here, off the event loop. */
const cost = 12;
/** bcrypt reads no further: a longer password would be cut without a word. */
const mostBytes = 72;

export const password = z
  .string()
  .min(12, 'use at least 12 characters')
  .refine((text) => Buffer.byteLength(text) <= mostBytes, 'use at most 72 bytes: bcrypt would ignore the rest')
  .refine((text) => !text.includes('\0'), 'a password holds no NUL');

export function hashPassword(text: string): Promise<string> {
  return hash(text, cost);
}

/** The hash of random bytes nobody has: comparing with it costs what comparing with a real one does. */
const nobodys = '$2y$12$.Ttru42JUTZ4E1LsWcOg7OM/2Mpl8FEtSlGYJ7M2bJSJLveEJg8qW';

/** Whether the password is that of the hash; takes as long when there is no such account. */
export async function checkPassword(text: string, passwordHash: string | undefined): Promise<boolean> {
  const fits = Buffer.byteLength(text) <= mostBytes && !text.includes('\0');
  const same = await compare(fits ? text : '', passwordHash ?? nobodys);
  return same && fits && passwordHash !== undefined;
}
