import type { K3sFacts } from './facts.ts';
import type { K3sWish } from './wish.ts';

export const paths = {
  binary: '/usr/local/bin/k3s',
  config: '/etc/rancher/k3s/config.yaml',
  admission: '/var/lib/rancher/k3s/server/psa.yaml',
  audit: '/var/lib/rancher/k3s/server/audit.yaml',
  auditLog: '/var/lib/rancher/k3s/server/logs/audit.log',
  images: '/var/lib/rancher/k3s/agent/images',
  kubelet: '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/90-kipper.conf',
  unit: '/etc/systemd/system/k3s.service',
  marker: '/etc/kipper/k3s.json',
} as const;

export const unitName = 'k3s.service';

const cipherSuites = [
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
];

/** One YAML document, written as JSON values per key: every JSON value is a YAML value, and quoting is never in doubt. */
function document(members: Readonly<Record<string, unknown>>): string {
  return Object.entries(members)
    .map(([key, value]) => {
      if (!Array.isArray(value)) return `${key}: ${JSON.stringify(value)}\n`;
      return `${key}:\n${value.map((item) => `  - ${JSON.stringify(item)}\n`).join('')}`;
    })
    .join('');
}

/** /etc/rancher/k3s/config.yaml: everything is set before the first start, so that no unhardened moment exists. */
export function renderConfig(wish: K3sWish, facts: K3sFacts): string {
  const sans = [...new Set([facts.nodeAddress, ...wish.tlsSans, wish.domain])].sort();
  return document({
    'write-kubeconfig-mode': '0600',
    'node-ip': facts.nodeAddress,
    'tls-san': sans,
    'protect-kernel-defaults': wish.kernelSettings,
    'secrets-encryption': true,
    disable: ['traefik', 'servicelb', 'metrics-server'],
    'disable-helm-controller': true,
    'kube-apiserver-arg': [
      'enable-admission-plugins=NodeRestriction,EventRateLimit,DenyServiceExternalIPs',
      `admission-control-config-file=${paths.admission}`,
      `audit-log-path=${paths.auditLog}`,
      `audit-policy-file=${paths.audit}`,
      'audit-log-maxage=30',
      'audit-log-maxbackup=10',
      'audit-log-maxsize=100',
      'request-timeout=300s',
      'service-account-extend-token-expiration=false',
      'tls-min-version=VersionTLS12',
    ],
    'kube-controller-manager-arg': ['terminated-pod-gc-threshold=100'],
    'kubelet-arg': [
      'streaming-connection-idle-timeout=5m',
      'pod-max-pids=4096',
      'seccomp-default=true',
      `tls-cipher-suites=${cipherSuites.join(',')}`,
    ],
  });
}

/** Pod Security by default for namespaces without labels, and the limits that EventRateLimit cannot start without. */
export function renderAdmission(): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults:
        enforce: baseline
        enforce-version: latest
        audit: restricted
        audit-version: latest
        warn: restricted
        warn-version: latest
      exemptions:
        usernames: []
        runtimeClasses: []
        namespaces: [kube-system]
  - name: EventRateLimit
    configuration:
      apiVersion: eventratelimit.admission.k8s.io/v1alpha1
      kind: Configuration
      limits:
        - {type: Server, qps: 5000, burst: 20000}
        - {type: Namespace, qps: 500, burst: 2000, cacheSize: 1000}
`;
}

/** Four levels, first match wins. Bodies of Secrets and ConfigMaps are never logged: their rule stands before every Request rule. */
export function renderAudit(): string {
  return `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:kube-proxy"]
    verbs: [watch]
    resources:
      - {group: "", resources: [endpoints, services]}
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*"]
  - level: None
    resources:
      - {group: "", resources: [events]}
      - {group: events.k8s.io, resources: [events]}
      - {group: coordination.k8s.io, resources: [leases]}
  - level: Metadata
    resources:
      - {group: "", resources: [secrets, configmaps, "serviceaccounts/token"]}
      - {group: authentication.k8s.io, resources: [tokenreviews]}
  - level: RequestResponse
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - {group: rbac.authorization.k8s.io}
      - {group: networking.k8s.io, resources: [networkpolicies]}
      - {group: admissionregistration.k8s.io}
  - level: Request
    resources:
      - {group: "", resources: ["pods/exec", "pods/attach", "pods/portforward", "services/proxy", "nodes/proxy"]}
  - level: Request
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
`;
}

/** A kubelet of Kubernetes 1.35 and later refuses cgroup v1 unless it is told otherwise. */
export function renderKubelet(): string {
  return `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
`;
}

/** As k3s's own unit: pods outlive a restart (KillMode=process), the kubelet manages cgroups below it (Delegate). */
export function renderUnit(): string {
  return `[Unit]
Description=Lightweight Kubernetes, set up by Kipper
Documentation=https://docs.k3s.io
Wants=network-online.target
After=network-online.target kipper-guard.service

[Service]
Type=notify
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=${paths.binary} server

[Install]
WantedBy=multi-user.target
`;
}

/** Tells ours from a foreign k3s. */
export function renderMarker(wish: K3sWish): string {
  return `${JSON.stringify({ by: 'kipper', clusterId: wish.clusterId, cluster: wish.clusterName, version: wish.version })}\n`;
}
