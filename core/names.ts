import { z } from 'zod';

/** Reserved for Kubernetes and for Kipper itself, as a name or as the beginning of one. */
const reservedStarts = ['kube', 'kipper'];

function notReserved(name: string): boolean {
  return name !== 'default-' && !reservedStarts.some((start) => name.startsWith(start));
}

const reserved = 'is reserved: names that begin with kube or kipper belong to the system';

/** `[a-z][a-z0-9-]{0,38}[a-z0-9]`: fits, with its environment, in the 63 characters of a DNS label (RFC 1123). */
export const projectName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, 'use 2 to 40 lower-case letters, digits and hyphens, beginning with a letter')
  .refine(notReserved, reserved);

/** No hyphen, so that `<project>-<environment>` can be read in one way only. */
export const environmentName = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,19}$/, 'use 1 to 20 lower-case letters and digits, beginning with a letter; no hyphen');

export const appName = z
  .string()
  .regex(/^[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?$/, 'use 1 to 40 lower-case letters, digits and hyphens, beginning with a letter');

/** Of a server, and of the cluster on it. */
export const serverName = z
  .string()
  .regex(/^[a-z0-9](?:[-a-z0-9.]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits, hyphens and dots');

/** A host name of at least two labels, RFC 1123 and RFC 5890 in their ASCII form. */
export const domainName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/,
    'use a lower-case domain name such as apps.example.com',
  );

export function namespaceOf(project: string, environment: string): string {
  return `${project}-${environment}`;
}

/** POSIX portable user names as Debian's adduser accepts them; never a leading hyphen (T13). */
export const unixUser = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'use a user name of lower-case letters, digits, _ and -');

export const port = z.number().int().min(1, 'use a port from 1 to 65535').max(65535, 'use a port from 1 to 65535');
