import type { Claim } from '../core/runs.ts';
import { keepAnswer } from './answer.ts';
import type { RunApi } from './api.ts';
import type { Job } from './job.ts';
import type { Kube } from './kube.ts';
import type { Recorder } from './recorder.ts';
import { resolveTarget } from './resolve.ts';
import type { Session } from './session.ts';
import type { Connection } from './ssh.ts';

export interface JobParts {
  claim: Claim;
  api: RunApi;
  recorder: Recorder;
  signal: AbortSignal;
  targets: 'any' | 'public';
}

const kubePort = 6443;

/** A job whose connection, session and Kubernetes client are opened when they are first asked for, and once. */
export function openJob(parts: JobParts): { job: Job; close(): Promise<void> } {
  const { claim, api, recorder, signal } = parts;
  const address = once<string>(() => resolveTarget(claim.target, parts.targets));
  const connect = async (until = signal) => {
    const { openShell } = await import('./ssh.ts');
    return openShell(claim.target, (challenge) => api.sign(challenge), until, await address.get());
  };
  const connection = once<Connection>(async () => {
    const opened = await connect();
    opened.lost.addEventListener('abort', forget, { once: true });
    return opened;
  });
  const session = once<Session>(async () => (await connection.get()).session(claim.runId, claim.fence));
  const kube = once<Kube>(() => openKubeOf(parts, connection.get));
  // A connection that broke takes its session and its Kubernetes client along; the next call opens new ones.
  const forget = () => [kube, session, connection].forEach((opened) => opened.forget());
  recorder.redactor.add(claim.token);
  const job: Job = {
    claim,
    api,
    signal,
    address: address.get,
    connection: connection.get,
    fresh: connect,
    session: session.get,
    kube: kube.get,
    record: (record) => recorder.record(record),
    note: (text) => recorder.record({ type: 'note', text }),
    secret: (value) => recorder.redactor.add(value),
  };
  const close = async () => {
    for (const opened of [kube, session, connection]) (await opened.opened())?.close();
  };
  return { job, close };
}

async function openKubeOf(parts: JobParts, connection: () => Promise<Connection>): Promise<Kube> {
  const [{ openKube }, { parseKubeconfig }] = await Promise.all([import('./kube.ts'), import('./kubeconfig.ts')]);
  const { claim, recorder, signal } = parts;
  const ssh = await connection();
  const answer = keepAnswer('the kubeconfig on the server');
  const exit = await ssh.once(claim.runId, claim.fence, 'kubeconfig_read', {}, answer.take);
  const access = parseKubeconfig(exit === 0 ? answer.text() : '');
  recorder.redactor.add(access.key.reveal());
  return openKube({
    access,
    dial: () => ssh.forward(kubePort),
    fence: claim.fence,
    signal,
    onWarning: (words) => recorder.record({ type: 'warning', text: words }),
  });
}

interface Once<T> {
  get(): Promise<T>;
  /** What was opened, if it was. */
  opened(): Promise<T | null>;
  forget(): void;
}

/** A failure is kept only until the next call, which tries again. */
function once<T>(open: () => Promise<T>): Once<T> {
  let kept: Promise<T> | null = null;
  return {
    get: () => {
      kept ??= open().catch((thrown: unknown) => {
        kept = null;
        throw thrown;
      });
      return kept;
    },
    opened: () => kept?.catch(() => null) ?? Promise.resolve(null),
    forget: () => (kept = null),
  };
}
