import { z } from 'zod';
import { domainName } from '../names.ts';

/** An artefact as a plan carries it: `bytes` 0 means that nothing is sent and the host pulls `image` by its digest. */
export const plannedArtefact = z.strictObject({
  name: z.string(),
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().min(0),
  image: z.string().optional(),
  /** The name of an archive of images below agent/images; k3s reads the format off its ending. */
  file: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,60}\.tar(?:\.zst|\.gz)?$/)
    .optional(),
});
export type PlannedArtefact = z.infer<typeof plannedArtefact>;

export const schema = z.strictObject({
  clusterId: z.string(),
  clusterName: z.string(),
  version: z.string(),
  domain: domainName,
  tlsSans: z.array(z.string()),
  artefacts: z.array(plannedArtefact),
  /** With false the kubelet sets the kernel settings that it needs by itself instead of demanding them. */
  kernelSettings: z.boolean(),
});
export type K3sWish = z.infer<typeof schema>;

/** Stands for the id of a cluster that is not made yet: in a preview, and in the hash that it prints. */
export const noClusterId = `cls_${'0'.repeat(26)}`;

export const podNetwork = '10.42.0.0/16';
export const serviceNetwork = '10.43.0.0/16';

/** The zone `sslip.io` answers `<dashed address>.sslip.io` with the address: a domain that works without DNS work. */
export function defaultDomain(address: string): string | null {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  return octets === null ? null : `${octets.slice(1).join('-')}.sslip.io`;
}
