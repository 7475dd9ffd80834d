import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { request } from 'node:https';
import { Fault, toFault } from '../core/fault.ts';
import type { ManifestStep, Plan, ProbeStep, Step } from '../core/plan.ts';
import type { StepState } from '../core/runs.ts';
import { batchesOf } from './batches.ts';
import { Reverted, runGuarded } from './guard.ts';
import { Host, stopReason } from './host.ts';
import type { Job } from './job.ts';

export interface Executed {
  changed: number;
  /** Titles of undo steps that were refused because somebody changed the thing since. */
  kept: string[];
}

/**
 * The only interpreter of a Plan. Steps recorded as changed or unchanged are not run again; every other one is checked on the
 * host before it acts; objects that do not wait for each other are applied at the same time. Rejects with the first Fault; what
 * had been done stays recorded and undoable.
 */
export async function executePlan(job: Job, plan: Plan, states: readonly StepState[]): Promise<Executed> {
  const host = new Host(job);
  const done: Executed = { changed: 0, kept: [] };
  for (const batch of batchesOf(plan.steps)) {
    done.changed += batch.filter((index) => states[index] === 'changed').length;
    const open = batch.filter((index) => states[index] !== 'changed' && states[index] !== 'unchanged');
    if (open.length === 0) continue;
    if (job.signal.aborted) throw stopReason(job.signal);
    await together(open.map((index) => executeStep(job, host, index, stepAt(plan, index), done)));
  }
  return done;
}

/** Each is let come to its end, so that the record tells of all; then the first failure in the plan's order counts. */
async function together(work: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(work)) if (end.status === 'rejected') throw end.reason;
}

function stepAt(plan: Plan, index: number): Step {
  const step = plan.steps[index];
  if (step === undefined) throw new Fault('internal', 'a plan without this step');
  return step;
}

async function executeStep(job: Job, host: Host, index: number, step: Step, done: Executed): Promise<void> {
  const beganMs = performance.now();
  const durationMs = (): number => Math.round(performance.now() - beganMs);
  job.record({ type: 'step', index, state: 'started' });
  try {
    const changed = await runStep(job, host, index, step);
    if (changed) done.changed++;
    job.record({ type: 'step', index, state: changed ? 'changed' : 'unchanged', exitCode: 0, durationMs: durationMs() });
  } catch (thrown) {
    const reverted = thrown instanceof Reverted;
    // What waits on the cluster is stopped by an error of the platform; nothing of it is put back.
    const onHost = step.kind !== 'manifest' && step.kind !== 'probe';
    const stopped = !onHost && job.signal.aborted;
    const ended = toFault(reverted ? thrown.fault : thrown);
    const fault = !reverted && stopped && ended.reason !== 'not_put_back' ? stopReason(job.signal) : ended;
    const kept = step.kind === 'undo' && fault.reason === 'changed_since';
    const putBack = reverted || (onHost && (ended.reason === 'step_timed_out' || ended.code === 'cancelled'));
    const state: StepState = kept ? 'skipped' : putBack ? 'reverted' : 'failed';
    job.record({ type: 'step', index, state, durationMs: durationMs(), fault: fault.view() });
    if (!kept) throw fault;
    done.kept.push(step.title);
  }
}

async function runStep(job: Job, host: Host, index: number, step: Step): Promise<boolean> {
  switch (step.kind) {
    case 'shell':
    case 'undo':
      return (step.guard === undefined ? await host.run(index, step) : await runGuarded(job, host, index, step)).changed;
    case 'file':
      return (await host.run(index, step)).changed;
    case 'manifest':
      return runManifest(job, step);
    case 'probe':
      await runProbe(job, step);
      return false;
    default:
      return step satisfies never;
  }
}

async function runManifest(job: Job, step: ManifestStep): Promise<boolean> {
  const kube = await job.kube();
  const { apiVersion, kind, metadata } = step.object;
  const ref = { apiVersion, kind, name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
  const changed = step.verb === 'apply' ? (await kube.apply(step.object)).changed : await kube.remove(ref);
  if (step.wait !== undefined) await kube.wait(ref, step.wait, step.timeoutMs);
  return changed;
}

/** Outside-in, tried again until it comes true or the step's time is over. */
async function runProbe(job: Job, step: ProbeStep): Promise<void> {
  const until = Date.now() + step.timeoutMs;
  for (;;) {
    if (job.signal.aborted) throw stopReason(job.signal);
    const failure = await probeOnce(job, step).catch((thrown: unknown) => toFault(thrown));
    if (failure === null) return;
    if (Date.now() >= until) throw failure;
    await sleep(1000);
  }
}

async function probeOnce(job: Job, step: ProbeStep): Promise<Fault | null> {
  const { probe } = step;
  const { serverName } = job.claim.target;
  switch (probe.type) {
    case 'login': {
      const connection = await job.fresh();
      return connection
        .ping()
        .then(() => null)
        .finally(() => connection.close());
    }
    case 'tcp': {
      const open = await opens(await job.address(), probe.port);
      if (open === (probe.expect === 'open')) return null;
      return new Fault('step_failed', {
        message: `port ${probe.port} of ${serverName} is ${open ? 'open' : 'closed'} from here; it should be ${probe.expect}`,
        hint: open ? 'see which program listens there: ss -ltnp' : 'check the firewall of the cloud provider too',
        reason: 'port_unexpected',
      });
    }
    case 'nodeReady':
      return nodeReady(job);
    case 'https': {
      const status = await httpsStatus(await job.address(), probe.host, probe.path);
      if (status !== null && status < 500) return null;
      return new Fault('step_failed', {
        message:
          status === null ? `https://${probe.host}${probe.path} does not answer` : `https://${probe.host}${probe.path} answers ${status}`,
        hint: 'check that ports 80 and 443 reach this server, and the pods in kipper-ingress',
        reason: 'https_failed',
      });
    }
    default:
      return probe satisfies never;
  }
}

async function nodeReady(job: Job): Promise<Fault | null> {
  const kube = await job.kube();
  const nodes = await kube.list({ apiVersion: 'v1', kind: 'Node' });
  const unready = nodes.filter((node) => {
    const { conditions = [] } = (node.status ?? {}) as { conditions?: { type: string; status: string }[] };
    return !conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  });
  if (nodes.length > 0 && unready.length === 0) return null;
  return new Fault('cluster_refused', {
    message: nodes.length === 0 ? 'the cluster has no node yet' : `node ${unready[0]?.metadata.name ?? ''} is not Ready`,
    hint: 'look at it there: k3s kubectl describe node',
    reason: 'node_not_ready',
  });
}

function opens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
}

/** The certificate may be self-signed until there is an issuer; this asks only whether the route answers. */
function httpsStatus(address: string, host: string, path: string): Promise<number | null> {
  return new Promise((resolve) => {
    const asked = request(
      { host: address, port: 443, path, servername: host, headers: { host }, rejectUnauthorized: false, timeout: 5000 },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? null);
      },
    );
    asked.once('error', () => resolve(null)).once('timeout', () => asked.destroy(new Error('timeout')));
    asked.end();
  });
}
