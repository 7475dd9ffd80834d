import type { KubernetesObject } from '../manifest.ts';
import { contentSecurityPolicy } from './csp.ts';
import { namespaceFor, type AppPlace } from './names.ts';
import type { AppSpec } from './spec.ts';

const traefik = (kind: string, place: AppPlace, name: string, spec: Record<string, unknown>): KubernetesObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind,
  metadata: { name, namespace: namespaceFor(place) },
  spec,
});

export const headersName = (app: string) => `${app}-headers`;
export const rateLimitName = (app: string) => `${app}-rate-limit`;

/** The six headers of the security page with its exact values; an empty value removes a header of the app. */
export function headersMiddleware(place: AppPlace, spec: AppSpec): KubernetesObject {
  return traefik('Middleware', place, headersName(place.app), {
    headers: {
      stsSeconds: 31_536_000,
      stsIncludeSubdomains: spec.hstsIncludeSubdomains,
      stsPreload: spec.hstsPreload,
      customFrameOptionsValue: 'SAMEORIGIN',
      contentTypeNosniff: true,
      browserXssFilter: true,
      contentSecurityPolicy: contentSecurityPolicy(spec.cspAllow),
      referrerPolicy: 'strict-origin-when-cross-origin',
      customResponseHeaders: { Server: '', 'X-Powered-By': '' },
    },
  });
}

/** One bucket per client address and app; IPv6 clients by their /64, since one client has a whole one. */
export function rateLimitMiddleware(place: AppPlace, spec: AppSpec): KubernetesObject {
  return traefik('Middleware', place, rateLimitName(place.app), {
    rateLimit: { average: spec.rateLimit, burst: spec.rateLimit * 2, period: '1s', sourceCriterion: { ipStrategy: { ipv6Subnet: 64 } } },
  });
}

/** Headers come first, so that an answer of the rate limiter carries them too. */
export function ingressRoute(place: AppPlace, spec: AppSpec): KubernetesObject {
  const middlewares = [...(spec.securityHeaders ? [{ name: headersName(place.app) }] : []), { name: rateLimitName(place.app) }];
  return traefik('IngressRoute', place, place.app, {
    entryPoints: ['websecure'],
    routes: [{ kind: 'Rule', match: `Host(\`${place.host}\`)`, middlewares, services: [{ name: place.app, port: 80 }] }],
    tls: {},
  });
}
