import { ingressNamespace, owned } from '../cluster/baseline.ts';
import { labels, type KubernetesObject } from '../manifest.ts';

/** Names that routes and policies of apps rely on. */
export const entryPoints = { http: 'web', https: 'websecure' } as const;
export const ingressPodLabels = { [labels.name]: 'traefik' } as const;
export const ingressClass = 'traefik';
export const traefikName = 'traefik';

export interface EdgeWish {
  /** A full reference: by digest where the image is pulled by one, else by the tag of an archive that was brought along. */
  image: string;
  /** The image lies on the host already; it is never pulled. */
  imported: boolean;
  /** The node's own address, where the API server answers. */
  nodeAddress: string;
}

const inIngress = { namespace: ingressNamespace, labels: owned(ingressPodLabels) };

const resources = [
  'ingressroutes',
  'ingressroutetcps',
  'ingressrouteudps',
  'middlewares',
  'middlewaretcps',
  'serverstransports',
  'serverstransporttcps',
  'tlsoptions',
  'tlsstores',
  'traefikservices',
];

/** Everything is off that is not said here: no dashboard, no API, no other provider, no trusted forwarded header. */
const flags = [
  '--global.checknewversion=false',
  '--global.sendanonymoususage=false',
  '--log.level=INFO',
  '--log.format=json',
  '--ping=true',
  '--ping.entrypoint=traefik',
  '--entrypoints.traefik.address=:8080/tcp',
  `--entrypoints.${entryPoints.http}.address=:8000/tcp`,
  `--entrypoints.${entryPoints.http}.http.redirections.entrypoint.to=:443`,
  `--entrypoints.${entryPoints.http}.http.redirections.entrypoint.scheme=https`,
  `--entrypoints.${entryPoints.http}.http.redirections.entrypoint.permanent=true`,
  `--entrypoints.${entryPoints.https}.address=:8443/tcp`,
  `--entrypoints.${entryPoints.https}.http.tls=true`,
  `--entrypoints.${entryPoints.https}.http.maxheaderbytes=65536`,
  '--core.stricttlsoptions=true',
  '--providers.providersthrottleduration=250ms',
  '--providers.kubernetescrd=true',
  '--providers.kubernetescrd.allowcrossnamespace=false',
  '--providers.kubernetescrd.allowexternalnameservices=false',
  '--providers.kubernetescrd.allowemptyservices=true',
  `--providers.kubernetescrd.crossprovidernamespaces=${ingressNamespace}`,
  `--providers.kubernetescrd.defaulttlsresourcesnamespace=${ingressNamespace}`,
  '--providers.kubernetescrd.disableclusterscoperesources=true',
  '--providers.kubernetescrd.safenaming=true',
];

function rights(): KubernetesObject[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: traefikName, ...inIngress }, automountServiceAccountToken: false },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'kipper-traefik', labels: owned() },
      rules: [
        { apiGroups: [''], resources: ['services', 'secrets', 'configmaps'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        { apiGroups: ['traefik.io'], resources, verbs: ['get', 'list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'kipper-traefik', labels: owned() },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kipper-traefik' },
      subjects: [{ kind: 'ServiceAccount', name: traefikName, namespace: ingressNamespace }],
    },
  ];
}

/** Anybody may come in on the two entry points; out goes only what serves: pods, DNS, and the API server on the node. */
function policy(wish: EdgeWish): KubernetesObject {
  const node = `${wish.nodeAddress}/${wish.nodeAddress.includes(':') ? 128 : 32}`;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'allow-traefik', ...inIngress },
    spec: {
      podSelector: { matchLabels: ingressPodLabels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          ports: [
            { protocol: 'TCP', port: 8000 },
            { protocol: 'TCP', port: 8443 },
          ],
        },
      ],
      egress: [{ to: [{ namespaceSelector: {} }] }, { to: [{ ipBlock: { cidr: node } }], ports: [{ protocol: 'TCP', port: 6443 }] }],
    },
  };
}

function tlsOption(): KubernetesObject {
  return {
    apiVersion: 'traefik.io/v1alpha1',
    kind: 'TLSOption',
    metadata: { name: 'default', ...inIngress },
    spec: {
      minVersion: 'VersionTLS12',
      cipherSuites: [
        'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
        'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
        'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
        'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
        'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
      ],
      alpnProtocols: ['h2', 'http/1.1'],
    },
  };
}

function container(wish: EdgeWish): Record<string, unknown> {
  return {
    name: traefikName,
    image: wish.image,
    imagePullPolicy: wish.imported ? 'Never' : 'IfNotPresent',
    args: flags,
    ports: [
      { name: entryPoints.http, containerPort: 8000, hostPort: 80, protocol: 'TCP' },
      { name: entryPoints.https, containerPort: 8443, hostPort: 443, protocol: 'TCP' },
    ],
    readinessProbe: { httpGet: { path: '/ping', port: 8080, scheme: 'HTTP' }, periodSeconds: 2, failureThreshold: 3, timeoutSeconds: 2 },
    livenessProbe: { httpGet: { path: '/ping', port: 8080, scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 2 },
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

/** One Traefik a node on host ports 80 and 443, so that the client's own address reaches it. */
function daemonSet(wish: EdgeWish): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: traefikName, ...inIngress },
    spec: {
      selector: { matchLabels: ingressPodLabels },
      // Two pods cannot hold one host port: the old one goes first.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      template: {
        metadata: { labels: owned(ingressPodLabels) },
        spec: {
          serviceAccountName: traefikName,
          automountServiceAccountToken: true,
          enableServiceLinks: false,
          priorityClassName: 'system-cluster-critical',
          terminationGracePeriodSeconds: 30,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            runAsGroup: 65532,
            fsGroup: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [container(wish)],
          volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }],
        },
      },
    },
  };
}

/** Traefik in the order in which it has to come; its definitions (crds.ts) stand before it. */
export function traefikObjects(wish: EdgeWish): KubernetesObject[] {
  return [
    ...rights(),
    policy(wish),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: ingressClass, labels: owned() },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
    tlsOption(),
    daemonSet(wish),
  ];
}
