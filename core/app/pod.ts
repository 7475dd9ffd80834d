import { labels } from '../manifest.ts';
import type { AppPlace } from './names.ts';
import { hasMutableTag, type AppSpec } from './spec.ts';

/** A pod that is replaced serves on until the ingress knows: an ended one would answer with 502, or not at all. */
const drainSeconds = 5;

/** Labels that choose an app's pods; a Deployment's selector can never change, so these are all there will be. */
export function selector(place: AppPlace): Record<string, string> {
  return { [labels.app]: place.app };
}

/** A pod that the restricted profile of the Pod Security Standards accepts, or a baseline one where root was asked for. */
export function podTemplate(place: AppPlace, spec: AppSpec): Record<string, unknown> {
  return {
    metadata: { labels: { ...selector(place), [labels.managedBy]: 'kipper', [labels.release]: place.releaseId } },
    spec: {
      serviceAccountName: place.app,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { ...(spec.allowRoot ? {} : { runAsNonRoot: true }), seccompProfile: { type: 'RuntimeDefault' } },
      containers: [container(place, spec)],
    },
  };
}

function container(place: AppPlace, spec: AppSpec): Record<string, unknown> {
  return {
    name: place.app,
    image: spec.image,
    imagePullPolicy: spec.pull || hasMutableTag(spec.image) ? 'Always' : 'IfNotPresent',
    env: Object.entries(spec.env)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ name, value: literal(value) })),
    ports: [{ name: 'http', containerPort: spec.port, protocol: 'TCP' }],
    readinessProbe: { tcpSocket: { port: spec.port }, periodSeconds: 2, failureThreshold: 3, timeoutSeconds: 2 },
    lifecycle: { preStop: { sleep: { seconds: drainSeconds } } },
    resources: { requests: { cpu: spec.cpu, memory: spec.memory }, limits: { memory: spec.memory } },
    securityContext: spec.allowRoot ? { privileged: false } : { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
}

/** Kubernetes expands `$(NAME)` in values; a doubled dollar keeps what the person wrote. */
function literal(value: string): string {
  return value.replaceAll('$(', '$$$$(');
}
