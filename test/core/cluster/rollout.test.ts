import { describe, expect, test } from 'vitest';
import { missingFrom, sameObject } from '../../../core/cluster/compare.ts';
import { explainRollout, isAvailable, type PodView, type WorkloadView } from '../../../core/cluster/rollout.ts';

const workload = (status: WorkloadView['status'] = {}): WorkloadView => ({
  kind: 'Deployment',
  metadata: { name: 'web', generation: 2 },
  spec: { replicas: 1 },
  status,
});
const pod = (waiting: { reason: string; message?: string }, more: object = {}): PodView => ({
  metadata: { name: 'web-1' },
  spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1' }] },
  status: { containerStatuses: [{ name: 'web', ready: false, state: { waiting }, ...more }] },
});
const running: PodView = {
  metadata: { name: 'web-1' },
  status: {
    conditions: [{ type: 'ContainersReady', status: 'False' }],
    containerStatuses: [{ name: 'web', ready: false, restartCount: 0, state: {} }],
  },
};
const unschedulable: PodView = {
  metadata: { name: 'web-1' },
  status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: Insufficient memory' }] },
};
const failure = (message: string) =>
  workload({ conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }] });

describe('a rollout that does not come true has a named reason and field', () => {
  test.each([
    ['image_pull', workload(), [pod({ reason: 'ImagePullBackOff' })], 'image'],
    ['image_pull', workload(), [pod({ reason: 'InvalidImageName' })], 'image'],
    [
      'root_refused',
      workload(),
      [pod({ reason: 'CreateContainerConfigError', message: 'container has runAsNonRoot and image will run as root' })],
      'securityContext.runAsNonRoot',
    ],
    ['config_error', workload(), [pod({ reason: 'CreateContainerConfigError', message: 'secret "x" not found' })], 'command'],
    [
      'crash_loop',
      workload(),
      [pod({ reason: 'CrashLoopBackOff' }, { restartCount: 3, lastState: { terminated: { exitCode: 1 } } })],
      'image',
    ],
    [
      'crash_loop',
      workload(),
      [pod({ reason: 'CrashLoopBackOff' }, { restartCount: 3, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } })],
      'resources.limits.memory',
    ],
    ['unschedulable', workload(), [unschedulable], 'resources.requests'],
    ['probe_failed', workload(), [running], 'port'],
    [
      'quota',
      failure('pods "web-1" is forbidden: exceeded quota: q, requested: limits.memory=1Gi, used: 0, limited: 512Mi'),
      [],
      'resources.limits.memory',
    ],
    [
      'pod_security',
      failure(
        'pods "web-1" is forbidden: violates PodSecurity "baseline:latest": privileged (container "web" must not set securityContext.privileged=true)',
      ),
      [],
      'securityContext.privileged',
    ],
    [
      'deadline',
      workload({ conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }),
      [],
      'spec.progressDeadlineSeconds',
    ],
  ] as const)('%s', (reason, of, pods, field) => {
    expect(explainRollout(of, pods, [])).toMatchObject({ reason, field });
  });

  test('an image that wants root is told of --allow-root', () => {
    expect(
      explainRollout(
        workload(),
        [pod({ reason: 'CreateContainerConfigError', message: 'container has runAsNonRoot and image will run as root' })],
        [],
      )?.hint,
    ).toContain('--allow-root');
  });

  test('a pod that is only starting is no trouble', () => {
    expect(explainRollout(workload(), [pod({ reason: 'ContainerCreating' })], [])).toBeNull();
  });
});

test('available means the newest generation, all replicas updated and available, and no old one left', () => {
  const good = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  expect(isAvailable(workload(good))).toBe(true);
  expect(isAvailable(workload({ ...good, observedGeneration: 1 }))).toBe(false);
  expect(isAvailable(workload({ ...good, replicas: 2 }))).toBe(false);
  const set = { kind: 'DaemonSet', metadata: { name: 't', generation: 1 } };
  expect(isAvailable({ ...set, status: { observedGeneration: 1, desiredNumberScheduled: 0 } })).toBe(false);
  expect(
    isAvailable({ ...set, status: { observedGeneration: 1, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1 } }),
  ).toBe(true);
});

test('reading back forgives what the server writes its own way and nothing else', () => {
  expect(missingFrom({ cpu: '1', memory: '128Mi', extra: 1 }, { cpu: '1000m', memory: '128Mi' })).toEqual([]);
  expect(missingFrom({ ports: [{ port: 80, protocol: 'TCP' }] }, { ports: [{ port: 80 }], annotations: {} })).toEqual([]);
  expect(
    missingFrom(
      {
        env: [
          { name: 'B', value: '2' },
          { name: 'A', value: '1' },
        ],
      },
      { env: [{ name: 'A', value: '1' }] },
    ),
  ).toEqual([]);
  expect(missingFrom({ ingress: [{}] }, { ingress: [{ from: [{ podSelector: {} }] }] })).toEqual(['ingress[0].from']);
  expect(missingFrom({ a: 'x' }, { a: 'y', b: true })).toEqual(['a', 'b']);
});

test('the fence, versions and status of an object do not count as a change; its labels do', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', labels: { x: '1' }, annotations: { 'kipper.run/fence': '1' } },
  };
  expect(
    sameObject(object, {
      ...object,
      metadata: { ...object.metadata, annotations: { 'kipper.run/fence': '2' } },
      status: { phase: 'Active' },
    }),
  ).toBe(true);
  expect(sameObject(object, { ...object, metadata: { ...object.metadata, labels: { x: '2' } } })).toBe(false);
});
