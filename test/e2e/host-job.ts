import type { Plan } from '../../core/plan.ts';
import type { Claim, RunKind, RunRecord, RunResult, StepState, Target } from '../../core/runs.ts';
import type { Job } from '../../workers/job.ts';
import type { Session } from '../../workers/session.ts';
import { type Connection, openShell } from '../../workers/ssh.ts';
import { inviteServer } from '../../services/servers/invite.ts';
import type { Plane } from '../bootstrap/plane.ts';
import type { Host } from '../lab/hosts.ts';
import type { PersonActor } from '../support/record.ts';
import { signer } from '../support/sshd.ts';

/** The kipper account as enrolment makes it, with the lab's key. */
export async function enrol(host: Host, publicKey: string): Promise<void> {
  await host.sh(`set -e
id kipper >/dev/null 2>&1 || useradd -m -s /bin/sh kipper
usermod -p '*' kipper; chmod 700 /home/kipper
install -d -m 700 -o kipper -g kipper /home/kipper/.ssh
printf 'restrict,port-forwarding,permitopen="127.0.0.1:6443" %s\\n' '${publicKey}' >/home/kipper/.ssh/authorized_keys
chown kipper:kipper /home/kipper/.ssh/authorized_keys; chmod 600 /home/kipper/.ssh/authorized_keys
echo 'kipper ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/kipper; chmod 440 /etc/sudoers.d/kipper`);
}

/** Enrols with the pasted line of a real control plane; then the lab's key stands in for ours, whose private half never leaves the vault. */
export async function enrolByLine(host: Host, publicKey: string, plane: Plane, owner: PersonActor): Promise<void> {
  lines += 1;
  const { enrolment } = inviteServer(plane.ctx, owner, { name: `server-${lines}` });
  const done = await host.exec((enrolment.line ?? '').replace('| sudo sh', '| sh'));
  if (done.code !== 0) throw new Error(`${host.name} was not enrolled: ${done.stderr}`);
  await host.sh(`sed -i 's|ssh-ed25519 .*|${publicKey}|' /home/kipper/.ssh/authorized_keys`);
}

export interface Done {
  result: RunResult;
  records: RunRecord[];
  plan: Plan | null;
  hash: string | null;
}

export interface Access {
  publicKey: string;
  keyFile: string;
}

let fence = 0;
let lines = 0;

/** Carries out one run on a host with the worker's own code; the control plane's side is kept in memory. */
export async function carry(host: Host, access: Access, kind: RunKind, handle: (job: Job) => Promise<RunResult>): Promise<Done> {
  const done: Done = { result: { changed: 0 }, records: [], plan: null, hash: null };
  const opened: Connection[] = [];
  const end = new AbortController();
  const target = targetOf(host, access);
  const fresh = async (): Promise<Connection> => {
    const connection = await openShell(target, signer(access.keyFile), end.signal);
    opened.push(connection);
    return connection;
  };
  let first: Promise<Connection> | undefined;
  let session: Promise<Session> | undefined;
  fence += 1;
  const claim: Claim = { runId: `run_${fence}`, kind, fence, token: 'token', target, input: {}, plan: null, timeoutMs: 600_000 };
  const connection = (): Promise<Connection> => (first ??= fresh());
  const unused = (): never => {
    throw new Error('not part of this test');
  };
  const job = {
    claim,
    api: {
      plan: async (plan: Plan, hash: string) => void Object.assign(done, { plan, hash }),
      heartbeat: unused,
      records: unused,
      sign: unused,
      artefact: unused,
      settle: unused,
    },
    signal: end.signal,
    address: async () => target.address,
    connection,
    fresh,
    session: () => (session ??= connection().then((each) => each.session(claim.runId, claim.fence))),
    kube: unused,
    record: (record: RunRecord) => void done.records.push(record),
    note: (text: string) => void done.records.push({ type: 'note', text }),
    secret: () => undefined,
  } satisfies Job;
  try {
    done.result = await handle(job);
    return done;
  } finally {
    (await session?.catch(() => undefined))?.close();
    for (const each of opened) each.close();
  }
}

function targetOf(host: Host, access: Access): Target {
  return {
    ...{ serverId: 'srv_lab', serverName: host.name, address: host.address, port: host.port, user: 'kipper', publicKey: access.publicKey },
    hostKeys: [{ algorithm: 'ssh-ed25519', fingerprint: host.hostKey.fingerprint }],
  };
}

export function findingsOf(done: Done) {
  return done.records.flatMap((record) => (record.type === 'findings' ? record.findings : []));
}

export function statesOf(done: Done): StepState[] {
  return done.records.flatMap((record) => (record.type === 'step' && record.state !== 'started' ? [record.state] : []));
}
