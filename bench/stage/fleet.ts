import { createReadStream, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { artefactFile } from '../../core/k3s/catalogue.ts';
import type { Plan } from '../../core/plan.ts';
import type { Claim, RunKind, RunRecord, RunResult } from '../../core/runs.ts';
import type { Host } from '../../test/lab/hosts.ts';
import type { Lab } from '../../test/lab/lab.ts';
import { artifactsFile } from '../../test/lab/paths.ts';
import { signer } from '../../test/support/sshd.ts';
import type { RunApi } from '../../workers/api.ts';
import type { Job } from '../../workers/job.ts';
import { openJob } from '../../workers/open-job.ts';
import { Recorder } from '../../workers/recorder.ts';

export interface Carried {
  result: RunResult;
  records: RunRecord[];
  plan: Plan | null;
}

/** Fresh hosts with the account that enrolment makes, and the lab's key in the place of ours. */
export function bootFleet(lab: Lab, count: number, pods = false): Promise<Host[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const host = await lab.boot({ pods });
      await host.sh(`set -e
useradd -m -s /bin/sh kipper; usermod -p '*' kipper
install -d -m 700 -o kipper -g kipper /home/kipper/.ssh
printf 'restrict,port-forwarding,permitopen="127.0.0.1:6443" %s\\n' '${lab.login.publicKey}' >/home/kipper/.ssh/authorized_keys
chown kipper:kipper /home/kipper/.ssh/authorized_keys; chmod 600 /home/kipper/.ssh/authorized_keys
echo 'kipper ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/kipper; chmod 440 /etc/sudoers.d/kipper`);
      return host;
    }),
  );
}

/** What the lab built, in the place of the control plane's artefact store. */
export const labArtefacts = () => artefactFile.parse(JSON.parse(readFileSync(artifactsFile, 'utf8'))).artefacts;

let fence = 0;

/** One run by the worker's own code; the control plane's side of it is kept in memory, and signs with the lab's key. */
export async function carry(
  lab: Lab,
  host: Host,
  kind: RunKind,
  handle: (job: Job) => Promise<RunResult>,
  frozen?: Claim['plan'],
): Promise<Carried> {
  fence += 1;
  const target = {
    ...{
      serverId: 'srv_bench',
      serverName: host.name,
      address: host.address,
      port: host.port,
      user: 'kipper' as const,
      publicKey: lab.login.publicKey,
    },
    hostKeys: [{ algorithm: 'ssh-ed25519', fingerprint: host.hostKey.fingerprint }],
  };
  const claim: Claim = {
    runId: `run_${fence}`,
    kind,
    fence,
    token: 'no token: this run has no control plane',
    target,
    input: {},
    plan: frozen ?? null,
    timeoutMs: 900_000,
  };
  const carried: Carried = { result: { changed: 0 }, records: [], plan: frozen?.plan ?? null };
  const api: RunApi = {
    heartbeat: async () => ({ token: 'bench', cancel: false }),
    plan: async (plan) => void (carried.plan = plan),
    records: async (batch) => void carried.records.push(...batch.records),
    sign: signer(lab.login.identity),
    settle: async () => undefined,
    artefact: async (sha256) => {
      const entry = labArtefacts().find((one) => one.sha256 === sha256);
      return { stream: createReadStream(fileURLToPath(entry?.url ?? '')), bytes: entry?.bytes ?? 0 };
    },
  };
  const recorder = new Recorder(api, () => undefined);
  const { job, close } = openJob({ claim, api, recorder, signal: new AbortController().signal, targets: 'any' });
  try {
    carried.result = await handle(job);
    await recorder.drain();
    return carried;
  } finally {
    await close();
    recorder.stop();
  }
}
