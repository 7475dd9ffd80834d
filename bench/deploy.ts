import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppPlace } from '../core/app/names.ts';
import { planRelease } from '../core/app/plan.ts';
import { appSpec } from '../core/app/spec.ts';
import { archiveName } from '../core/k3s/catalogue.ts';
import { defaultDomain } from '../core/k3s/wish.ts';
import type { KubernetesObject } from '../core/manifest.ts';
import type { Plan } from '../core/plan.ts';
import { runInputs } from '../core/runs.ts';
import type { Host } from '../test/lab/hosts.ts';
import { type Lab, openLab } from '../test/lab/lab.ts';
import { missingNeeds } from '../test/lab/needs.ts';
import { opens } from '../test/lab/probe.ts';
import { run } from '../test/lab/shell.ts';
import { runDeploy } from '../workers/deploy.ts';
import { runInstall } from '../workers/install.ts';
import { endWithUs, scratch } from './stage/ending.ts';
import { bootFleet, carry, labArtefacts } from './stage/fleet.ts';
import { countOf, hasTool, median, notRun, timed } from './stage/figures.ts';

/**
 * Deploy of one app with all its objects into a new namespace, against `kubectl apply --server-side` of the same objects
 * through an open tunnel. Ours is the worker's deploy from the SSH connect on. No side waits for pods: replicas are 0.
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const rounds = countOf('rounds', values.rounds, 50);

interface Release {
  place: AppPlace;
  plan: Plan;
  objects: KubernetesObject[];
}

const spec = appSpec.parse({ image: 'registry.invalid/bench:1', port: 8080, replicas: 0 });

/** The same objects for both sides but for the namespace's name; without the wait for the rollout. */
function release(side: string, round: number, address: string): Release {
  const place: AppPlace = {
    ...{ app: 'web', project: 'bench', environment: `${side}${round}`, host: `web-${side}${round}.bench.example.com` },
    ...{ nodeAddresses: [address], releaseId: `rel_${String(round).padStart(26, '0')}` },
  };
  const plan = planRelease(place, spec);
  const steps = plan.steps.map((step) => {
    if (step.kind !== 'manifest') return step;
    const { wait: _, ...rest } = step;
    return rest;
  });
  return {
    place,
    plan: { ...plan, steps },
    objects: steps.flatMap((step) => (step.kind === 'manifest' && step.verb === 'apply' ? [step.object] : [])),
  };
}

async function install(lab: Lab, host: Host): Promise<void> {
  const artefacts = labArtefacts().map((entry) => ({
    ...{ name: entry.name, version: entry.version, sha256: entry.sha256, bytes: entry.bytes },
    ...(entry.image === undefined ? {} : { image: entry.image }),
    ...(archiveName(entry) === undefined ? {} : { file: archiveName(entry) }),
  }));
  const domain = defaultDomain(host.address) ?? '';
  const input = runInputs.install.parse({ clusterId: 'cls_bench', clusterName: 'bench', domain, tlsSans: [host.address], artefacts });
  await carry(lab, host, 'install', (job) => runInstall(job, input));
}

interface Figures {
  whole: number[];
  push: number[];
}

async function deployOnce(lab: Lab, host: Host, { place, plan }: Release, figures: Figures): Promise<void> {
  let pushBeganMs = 0;
  const input = runInputs.deploy.parse({ appId: 'app_bench', releaseId: place.releaseId, place, spec });
  const whole = await timed(() =>
    carry(
      lab,
      host,
      'deploy',
      async (job) => {
        const [, kube] = await Promise.all([job.session(), job.kube()]);
        await kube.raw('/readyz');
        pushBeganMs = performance.now();
        return runDeploy(job, input);
      },
      { plan, hash: 'bench', states: [] },
    ).finally(() => figures.push.push((performance.now() - pushBeganMs) / 1000)),
  );
  figures.whole.push(whole);
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** The tunnel and the kubeconfig of the other side, ready before anything is measured. */
async function tunnel(lab: Lab, host: Host, folder: string): Promise<string> {
  const port = await freePort();
  const words = [
    '-N',
    '-i',
    lab.login.identity,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
  ];
  endWithUs(
    spawn('ssh', [...words, '-L', `127.0.0.1:${port}:127.0.0.1:6443`, '-p', String(host.port), `kipper@${host.address}`], {
      stdio: 'ignore',
    }),
  );
  for (let tries = 0; !(await opens('127.0.0.1', port)); tries += 1) {
    if (tries > 100) throw new Error('the tunnel of ssh does not open');
    await sleep(100);
  }
  const file = join(folder, 'kubeconfig');
  const text = await host.sh('cat /etc/rancher/k3s/k3s.yaml');
  writeFileSync(file, text.replace(/server: .*/, `server: https://127.0.0.1:${port}`), { mode: 0o600 });
  return file;
}

async function kubectl(words: string[], kubeconfig: string, objects: readonly KubernetesObject[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const [command = '', ...rest] = words;
  const done = await run(command, [...rest, 'apply', '--server-side', '--force-conflicts', '-f', '-'], {
    stdin: list,
    env: { KUBECONFIG: kubeconfig },
  });
  if (done.code !== 0) throw new Error(`kubectl ended with ${done.code}: ${done.stderr}`);
}

/** A kubectl of this machine, else the k3s of the lab, which is one too. */
function kubectlWords(): string[] {
  if (hasTool('kubectl')) return ['kubectl'];
  const k3s = labArtefacts().find((entry) => entry.name === 'k3s');
  return k3s?.url === undefined ? [] : [new URL(k3s.url).pathname, 'kubectl'];
}

function print(name: string, own: number[], theirs: number[], goal: number): void {
  const ratio = median(own) / median(theirs);
  console.log(
    `${name}: kipper ${median(own).toFixed(3)} s, kubectl ${median(theirs).toFixed(3)} s, ${ratio.toFixed(2)} x (goal <= ${goal} x) ${ratio <= goal ? 'met' : 'MISSED'} [${own.length} rounds]`,
  );
}

const missing = await missingNeeds(console.log);
if (missing !== undefined) notRun(missing);
const words = kubectlWords();
if (words.length === 0) notRun('there is no kubectl on this machine');
const folder = scratch();
const lab = await openLab({ image: 'debian-12', say: console.log });
try {
  const [host] = await bootFleet(lab, 1, true);
  if (host === undefined) throw new Error('the lab gave no host');
  await install(lab, host);
  const kubeconfig = await tunnel(lab, host, folder);
  const figures: Figures = { whole: [], push: [] };
  const again: Figures = { whole: [], push: [] };
  const theirs = { whole: [] as number[], again: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const warm = round < 0;
    const ours = release('ours', round + 1, host.address);
    const other = release('theirs', round + 1, host.address);
    await deployOnce(lab, host, ours, warm ? { whole: [], push: [] } : figures);
    const first = await timed(() => kubectl(words, kubeconfig, other.objects));
    await deployOnce(lab, host, ours, warm ? { whole: [], push: [] } : again);
    const second = await timed(() => kubectl(words, kubeconfig, other.objects));
    if (warm) continue;
    theirs.whole.push(first);
    theirs.again.push(second);
  }
  console.log(`${release('ours', 0, host.address).objects.length} objects, new namespace each round`);
  print('deploy, SSH connect included', figures.whole, theirs.whole, 0.4);
  print('push alone', figures.push, theirs.whole, 0.15);
  print('again, nothing to change, SSH connect included', again.whole, theirs.again, 0.4);
  print('again, push alone', again.push, theirs.again, 0.15);
} finally {
  await lab.close();
}
