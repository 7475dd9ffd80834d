import type { Step } from '../plan.ts';
import { paths, renderAdmission, renderAudit, renderConfig, renderKubelet, renderMarker, renderUnit, unitName } from './config.ts';
import type { K3sFacts } from './facts.ts';
import type { K3sWish, PlannedArtefact } from './wish.ts';

export const control = 'k3s';
const minuteMs = 60_000;

/** Everything from an empty host to a proved k3s; holds no step for what is pulled by the host itself. */
export function planK3s(wish: K3sWish, facts: K3sFacts): Step[] {
  return [...folders(), marker(wish), ...binaries(wish.artefacts), ...configuration(wish, facts), ...start()];
}

function folders(): Step[] {
  const owned: [string, string][] = [
    ['/etc/kipper', '0755'],
    ['/etc/rancher', '0755'],
    ['/etc/rancher/k3s', '0755'],
    ['/var/lib/rancher', '0755'],
    ['/var/lib/rancher/k3s', '0755'],
    ['/var/lib/rancher/k3s/server', '0700'],
    ['/var/lib/rancher/k3s/server/logs', '0700'],
    ['/var/lib/rancher/k3s/agent', '0755'],
    [paths.images, '0700'],
    ['/var/lib/rancher/k3s/agent/etc', '0755'],
    ['/var/lib/rancher/k3s/agent/etc/kubelet.conf.d', '0700'],
  ];
  return owned.map(([path, mode]) => ({
    kind: 'shell',
    id: `k3s/folder${path.replaceAll('/', '-')}`,
    title: `make the folder ${path} (${mode})`,
    control,
    timeoutMs: minuteMs,
    action: 'directory',
    data: { path, owner: 'root', group: 'root', mode },
  }));
}

function binaries(artefacts: readonly PlannedArtefact[]): Step[] {
  return artefacts
    .filter((one) => one.bytes > 0)
    .map((one) => {
      const path = one.name === 'k3s' ? paths.binary : `${paths.images}/${one.file ?? `${one.name}.tar`}`;
      return {
        kind: 'file',
        id: `k3s/artefact-${one.name}`,
        title: `place ${one.name} ${one.version} at ${path} (${Math.ceil(one.bytes / 1024 ** 2)} MiB, sha256 ${one.sha256.slice(0, 12)}…)`,
        control,
        timeoutMs: 20 * minuteMs,
        path,
        owner: 'root',
        group: 'root',
        mode: one.name === 'k3s' ? '0755' : '0600',
        content: { artefact: one.sha256, bytes: one.bytes },
      };
    });
}

function textFile(id: string, path: string, mode: string, text: string, title: string): Step {
  return { kind: 'file', id, title, control, timeoutMs: minuteMs, path, owner: 'root', group: 'root', mode, content: { text } };
}

/** Comes before the binary, so that an install that broke off is known as ours. */
function marker(wish: K3sWish): Step {
  return textFile('k3s/marker', paths.marker, '0644', renderMarker(wish), `write ${paths.marker}: this k3s is ours`);
}

function configuration(wish: K3sWish, facts: K3sFacts): Step[] {
  return [
    textFile(
      'k3s/config',
      paths.config,
      '0600',
      renderConfig(wish, facts),
      `write ${paths.config}: secrets encryption, audit log, admission plugins, kubelet settings`,
    ),
    textFile(
      'k3s/admission',
      paths.admission,
      '0600',
      renderAdmission(),
      `write ${paths.admission}: Pod Security defaults and event rate limits`,
    ),
    textFile('k3s/audit', paths.audit, '0600', renderAudit(), `write ${paths.audit}: the API audit policy`),
    ...(facts.cgroupVersion === 1
      ? [textFile('k3s/kubelet', paths.kubelet, '0600', renderKubelet(), `write ${paths.kubelet}: accept cgroup v1`)]
      : []),
    textFile('k3s/unit', paths.unit, '0644', renderUnit(), `write the unit ${paths.unit}`),
  ];
}

function start(): Step[] {
  return [
    {
      kind: 'shell',
      id: 'k3s/start',
      title: `enable and start ${unitName} and wait until its API answers`,
      control,
      timeoutMs: 10 * minuteMs,
      action: 'k3s_start',
      data: { unit: unitName, waitSeconds: '420' },
    },
    {
      kind: 'probe',
      id: 'k3s/node-ready',
      title: 'the node is Ready, asked through the SSH connection',
      control,
      timeoutMs: 5 * minuteMs,
      probe: { type: 'nodeReady' },
    },
    {
      kind: 'shell',
      id: 'k3s/prove',
      title: 'prove that Secrets are encrypted: status Enabled, and a canary is not readable in the datastore files',
      control,
      timeoutMs: 3 * minuteMs,
      action: 'k3s_prove',
      data: { canary: 'kipper-canary' },
      once: true,
    },
  ];
}

/** What takes a cluster off its host again; the files it brought are undone by the host's own undo list afterwards. */
export function planK3sRemoval(): Step[] {
  return [
    {
      kind: 'shell',
      id: 'k3s/remove',
      title: 'stop k3s and every pod, remove its mounts, interfaces, firewall chains and data',
      control,
      timeoutMs: 10 * minuteMs,
      action: 'k3s_remove',
      data: { unit: unitName },
      once: true,
    },
  ];
}
