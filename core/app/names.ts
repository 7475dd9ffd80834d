import { z } from 'zod';
import { appName, domainName, environmentName, namespaceOf, projectName } from '../names.ts';

/** Where an app lives: fixed when it is first deployed. */
export const appPlace = z.strictObject({
  app: appName,
  project: projectName,
  environment: environmentName,
  host: domainName,
  /** Addresses of the node itself: an app may not reach them. */
  nodeAddresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(64),
  releaseId: z.string().regex(/^rel_[0-9a-z]{26}$/),
});

export type AppPlace = z.infer<typeof appPlace>;

export function namespaceFor(place: Pick<AppPlace, 'project' | 'environment'>): string {
  return namespaceOf(place.project, place.environment);
}

/** `<app>-<environment>.<cluster domain>`; a label has at most 63 characters (RFC 1035). */
export function defaultHost(app: string, environment: string, clusterDomain: string): string {
  return `${app}-${environment}.${clusterDomain}`;
}
