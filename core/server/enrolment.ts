import { z } from 'zod';
import { port } from '../names.ts';

/** `kpe_` and 256 random bits in base64url: the alphabet needs no quoting anywhere (T10). */
export const enrolmentToken = z.string().regex(/^kpe_[A-Za-z0-9_-]{43}$/, 'this is no enrolment token');

/** Minutes that an enrolment stays open. */
export const enrolmentMinutes = z.number().int().min(5).max(60).default(15);

const word = z
  .string()
  .max(128)
  .regex(/^[\x20-\x7e]*$/, 'use printable ASCII');
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** An address to dial: IPv4, IPv6 or a host name; never something that begins with a hyphen (T13). */
export const dialAddress = z
  .string()
  .max(253)
  .regex(/^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/, 'use an IP address or a host name');

/** What an enrolling machine says of itself. Hostile until the token proved right, and kept within these limits then. */
export const enrolmentFacts = z.strictObject({
  hostname: word,
  os: word,
  release: word,
  arch: z.enum(['x86_64', 'aarch64']),
  kernel: word,
  virtualization: word,
  memoryKb: count,
  diskFreeKb: count,
  cpus: count,
  clockSeconds: count,
  addresses: z
    .array(
      z
        .string()
        .max(64)
        .regex(/^[0-9a-fA-F:.]+\/\d{1,3}$/),
    )
    .max(32),
  notes: z.array(z.string().regex(/^[a-z_]{1,48}$/)).max(16),
});

const algorithms = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'] as const;
export type HostKeyAlgorithm = (typeof algorithms)[number];

const hostKeyLine = z
  .string()
  .max(4096)
  .regex(/^[a-z0-9-]{1,40}(?:@[a-z.]{1,40})? [A-Za-z0-9+/]{16,4000}={0,2}$/, 'use public key lines as in /etc/ssh/ssh_host_*_key.pub');

/** The body of a claim: what the script prints, and the token; in the SSH way also where the machine was reached. */
export const enrolmentClaim = z
  .strictObject({
    token: enrolmentToken,
    machineId: z.string().regex(/^[0-9a-f]{32}$/, 'a machine-id has 32 hexadecimal digits'),
    bootId: z.string().regex(/^[0-9a-f-]{36}$/),
    sshPorts: z.array(port).min(1).max(8),
    hostKeys: z.array(hostKeyLine).min(1).max(16),
    facts: enrolmentFacts,
    address: dialAddress.optional(),
    port: port.optional(),
  })
  .meta({ id: 'EnrolmentClaim' });
export type EnrolmentClaim = z.infer<typeof enrolmentClaim>;

/** The key lines of types that an SSH client can pin; certificates and unknown types are left out. */
export function pinnable(lines: readonly string[]): { algorithm: HostKeyAlgorithm; base64: string }[] {
  return lines.flatMap((line) => {
    const [name, base64 = ''] = line.split(' ');
    const algorithm = algorithms.find((one) => one === name);
    return algorithm === undefined ? [] : [{ algorithm, base64 }];
  });
}
