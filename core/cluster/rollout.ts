export type RolloutReason =
  | 'image_pull'
  | 'crash_loop'
  | 'pod_security'
  | 'quota'
  | 'unschedulable'
  | 'probe_failed'
  | 'config_error'
  | 'root_refused'
  | 'deadline';

export interface WorkloadView {
  kind: string;
  metadata: { name: string; generation?: number };
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberAvailable?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string }; terminated?: { exitCode?: number; reason?: string } };
  lastState?: { terminated?: { exitCode?: number; reason?: string } };
}

export interface PodView {
  metadata: { name: string };
  spec?: { containers?: { name: string; image?: string }[] };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface RolloutTrouble {
  reason: RolloutReason;
  message: string;
  hint: string;
  field?: string;
  /** Whose log may say more. */
  pod?: { name: string; container: string };
}

/** The rule of `kubectl rollout status`, for a Deployment and a DaemonSet. */
export function isAvailable(workload: WorkloadView): boolean {
  const status = workload.status ?? {};
  if ((status.observedGeneration ?? 0) < (workload.metadata.generation ?? 1)) return false;
  if (workload.kind === 'DaemonSet') {
    const wanted = status.desiredNumberScheduled ?? 0;
    return wanted > 0 && (status.updatedNumberScheduled ?? 0) === wanted && (status.numberAvailable ?? 0) === wanted;
  }
  const wanted = workload.spec?.replicas ?? 1;
  return (status.updatedReplicas ?? 0) === wanted && (status.replicas ?? 0) === wanted && (status.availableReplicas ?? 0) === wanted;
}

/** Why a workload is not available yet, in a closed word, or null while nothing is wrong. `events` are messages of failed creations. */
export function explainRollout(workload: WorkloadView, pods: readonly PodView[], events: readonly string[]): RolloutTrouble | null {
  const conditions = workload.status?.conditions ?? [];
  const failure = conditions.find((one) => one.type === 'ReplicaFailure' && one.status === 'True')?.message ?? events[0];
  if (failure !== undefined) return explainRefusal(failure);
  for (const pod of pods) {
    const trouble = explainPod(pod);
    if (trouble !== null) return trouble;
  }
  const stuck = conditions.find((one) => one.type === 'Progressing' && one.reason === 'ProgressDeadlineExceeded');
  return stuck === undefined
    ? null
    : {
        reason: 'deadline',
        message: clean(stuck.message ?? 'it made no progress in time'),
        hint: 'start the image by hand and look at what it prints, then deploy again',
        field: 'spec.progressDeadlineSeconds',
      };
}

function explainRefusal(message: string): RolloutTrouble {
  const said = clean(message);
  if (/exceeded quota/.test(said)) {
    const field = /requested: ([a-z./]+)=/.exec(said)?.[1];
    return {
      reason: 'quota',
      message: said,
      hint: 'ask for less, use fewer replicas, or remove what is not needed in this environment',
      field: field === undefined ? 'resources' : `resources.${field}`,
    };
  }
  if (/violates PodSecurity/.test(said)) {
    const field = /\(([^()]{0,200}?(?:securityContext\.[A-Za-z.]+))/.exec(said)?.[1]?.split(' ').at(-1) ?? 'securityContext';
    return {
      reason: 'pod_security',
      message: said,
      hint: 'the namespace enforces the baseline of the Pod Security Standards; the message names the field',
      field,
    };
  }
  return { reason: 'config_error', message: said, hint: 'the message is the API server own words' };
}

const pullReasons = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'ImageInspectError',
]);

function explainPod(pod: PodView): RolloutTrouble | null {
  const unscheduled = pod.status?.conditions?.find(
    (one) => one.type === 'PodScheduled' && one.status === 'False' && one.reason === 'Unschedulable',
  );
  if (unscheduled !== undefined) {
    return {
      reason: 'unschedulable',
      message: clean(unscheduled.message ?? 'no node has room for the pod'),
      hint: 'ask for less memory or processor, or add a larger server',
      field: 'resources.requests',
    };
  }
  for (const container of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) {
    const trouble = explainContainer(pod, container);
    if (trouble !== null) return trouble;
  }
  return null;
}

function explainContainer(pod: PodView, container: ContainerStatus): RolloutTrouble | null {
  const { reason = '', message = '' } = container.state?.waiting ?? {};
  const image = pod.spec?.containers?.find((one) => one.name === container.name)?.image ?? 'the image';
  const own = { pod: { name: pod.metadata.name, container: container.name } };
  if (pullReasons.has(reason)) {
    return {
      reason: 'image_pull',
      message: `${image} cannot be pulled (${reason}${message === '' ? '' : `: ${clean(message)}`})`,
      hint: 'check the name and the tag of the image, and that the server can reach its registry',
      field: 'image',
    };
  }
  if (/runAsNonRoot|non-numeric user/.test(message)) {
    return {
      reason: 'root_refused',
      message: `${image} wants to run as root (${clean(message)})`,
      hint: 'use an image with a numeric USER other than 0, or deploy with --allow-root',
      field: 'securityContext.runAsNonRoot',
    };
  }
  if (reason === 'CreateContainerConfigError' || reason === 'CreateContainerError' || reason === 'RunContainerError') {
    return {
      reason: 'config_error',
      message: `the container cannot be started (${reason}: ${clean(message)})`,
      hint: 'check the command, the environment and the secrets of the app',
      field: 'command',
      ...own,
    };
  }
  const ended = container.lastState?.terminated ?? container.state?.terminated;
  if (reason === 'CrashLoopBackOff' || (ended !== undefined && (container.restartCount ?? 0) >= 2)) {
    const why =
      ended?.reason === 'OOMKilled' ? 'it used more memory than its limit' : `it ended with exit code ${ended?.exitCode ?? 'unknown'}`;
    return {
      reason: 'crash_loop',
      message: `the container keeps ending: ${why}`,
      hint: 'look at its log; a read-only file system and a user other than root are the usual causes',
      field: ended?.reason === 'OOMKilled' ? 'resources.limits.memory' : 'image',
      ...own,
    };
  }
  const notReady = pod.status?.conditions?.some((one) => one.type === 'ContainersReady' && one.status === 'False') === true;
  if (notReady && container.ready === false && container.state?.waiting === undefined && container.state?.terminated === undefined) {
    return {
      reason: 'probe_failed',
      message: 'the container runs, but its readiness probe does not succeed',
      hint: 'check that the app listens on the port that was given with --port, on all addresses and not only on 127.0.0.1',
      field: 'port',
      ...own,
    };
  }
  return null;
}

function clean(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim()
    .slice(0, 500);
}
