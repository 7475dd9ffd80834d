import { createReadStream, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { request as plain } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveName, artefactFile } from '../../core/k3s/catalogue.ts';
import { defaultDomain } from '../../core/k3s/wish.ts';
import { runInputs } from '../../core/runs.ts';
import { runInstall } from '../../workers/install.ts';
import type { Job } from '../../workers/job.ts';
import { openKube, type Kube } from '../../workers/kube.ts';
import { parseKubeconfig } from '../../workers/kubeconfig.ts';
import { runUninstall } from '../../workers/uninstall.ts';
import type { Host } from '../lab/hosts.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { artifactsFile } from '../lab/paths.ts';
import { type Access, carry, type Done, enrol, findingsOf, statesOf } from './host-job.ts';

let lab: Lab;
let host: Host;
let access: Access;
const entries = artefactFile.parse(JSON.parse(readFileSync(artifactsFile, 'utf8'))).artefacts;

beforeAll(async () => {
  lab = await openLab({ image: 'debian-12' });
  access = { publicKey: lab.login.publicKey, keyFile: lab.login.identity };
  host = await lab.boot({ pods: true });
  await enrol(host, access.publicKey);
});
afterAll(() => lab?.close());

/** What the control plane gives a real job: the cluster through the run's own connection, and artefacts from its store. */
function complete(job: Job): Job {
  let kube: Promise<Kube> | undefined;
  const connect = async () => {
    const ssh = await job.connection();
    let text = '';
    await ssh.once(job.claim.runId, job.claim.fence, 'kubeconfig_read', {}, (stream, words) => {
      if (stream === 'stdout') text += words;
    });
    const kubeAccess = parseKubeconfig(text);
    return openKube({ access: kubeAccess, dial: () => ssh.forward(kubeAccess.port), fence: job.claim.fence, signal: job.signal });
  };
  const artefact = async (sha256: string) => {
    const entry = entries.find((one) => one.sha256 === sha256);
    return { stream: createReadStream(fileURLToPath(entry?.url ?? '')), bytes: entry?.bytes ?? 0 };
  };
  return { ...job, kube: () => (kube ??= connect()), api: { ...job.api, artefact } };
}

const domain = () => defaultDomain(host.address) ?? '';

function install(parts: object = {}): Promise<Done> {
  const artefacts = entries.map((entry) => ({
    name: entry.name,
    version: entry.version,
    sha256: entry.sha256,
    bytes: entry.bytes,
    ...(entry.image === undefined ? {} : { image: entry.image }),
    ...(archiveName(entry) === undefined ? {} : { file: archiveName(entry) }),
  }));
  const input = runInputs.install.parse({
    clusterId: 'cls_lab',
    clusterName: 'lab',
    domain: domain(),
    tlsSans: [host.address],
    artefacts,
    ...parts,
  });
  return carry(host, access, 'install', (job) => runInstall(complete(job), input));
}

function ask(secure: boolean, name: string): Promise<{ status: number; location: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: host.address,
      port: secure ? 443 : 80,
      path: '/x?y=1',
      servername: name,
      headers: { host: name },
      rejectUnauthorized: false,
    };
    const asked = (secure ? request : plain)(options, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => (body += text));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('a bare server becomes a hardened cluster whose front door answers', async () => {
  const done = await install().catch(async (thrown: unknown) => {
    process.stderr.write(
      await host.sh(
        'journalctl --no-pager -u k3s -n 60 2>&1; k3s kubectl get pods -A -o wide 2>&1; k3s kubectl get events -A 2>&1 | tail -20; true',
      ),
    );
    throw thrown;
  });
  expect(done.result.clusterVersion).toMatch(/^v1\.36\./);
  expect(findingsOf(done).map((each) => each.control)).not.toContain('edge-reachable');
  expect(await ask(true, `a.${domain()}`)).toMatchObject({ status: 404 });
  expect(await ask(false, `a.${domain()}`)).toMatchObject({ status: 301, location: `https://a.${domain()}/x?y=1` });
  expect(await host.sh('stat -c %a /etc/rancher/k3s/config.yaml /etc/rancher/k3s/k3s.yaml')).toBe('600\n600');
});

test('Traefik says nothing is wrong and sees every kind it watches', async () => {
  const log = await host.sh('k3s kubectl -n kipper-ingress logs ds/traefik --tail=200');
  expect(log).not.toMatch(/"level":"(?:error|fatal)"/);
});

test('Secrets are encrypted and bodies of Secrets are not in the audit log', async () => {
  expect(await host.sh('k3s secrets-encrypt status -o json')).toMatch(/"enable":\s*true/);
  await host.sh(
    'k3s kubectl create secret generic told --from-literal=k=tell-tale-value-1 -n default && sleep 2; k3s kubectl delete secret told -n default',
  );
  expect(await host.sh('grep -c tell-tale-value-1 /var/lib/rancher/k3s/server/logs/audit.log; true')).toBe('0');
  expect(await host.sh('grep -rac tell-tale-value-1 /var/lib/rancher/k3s/server/db | grep -v ":0$"; true')).toBe('');
});

test('a second install changes nothing', async () => {
  const done = await install();
  const changed = done.plan?.steps.filter((_, index) => statesOf(done)[index] === 'changed').map((step) => step.id);
  expect(changed).toEqual([]);
  expect(done.result.changed).toBe(0);
});

test('after a reboot the cluster comes back and another install still changes nothing', async () => {
  await host.reboot();
  const done = await install();
  expect(done.result.changed).toBe(0);
  if (findingsOf(done).some((each) => each.control === 'edge-reachable')) {
    process.stderr.write(
      await host.sh('k3s kubectl get pods -A -o wide 2>&1; k3s kubectl get events -A 2>&1 | tail -30; k3s crictl ps -a; true'),
    );
  }
  expect(await ask(true, `a.${domain()}`)).toMatchObject({ status: 404 });
});

test('objects on the cluster carry the fence of the run that wrote them, lower than that of the next', async () => {
  await carry(host, access, 'install', async (job) => {
    const kube = await complete({ ...job, claim: { ...job.claim, fence: job.claim.fence } }).kube();
    const live = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kipper-ingress' });
    expect(Number(live?.metadata.annotations?.['kipper.run/fence'])).toBeLessThan(job.claim.fence);
    return { changed: 0 };
  });
});

test('removing the cluster leaves no files, chains, interfaces or pod processes of k3s', async () => {
  const done = await carry(host, access, 'uninstall', (job) => runUninstall(complete(job), { clusterId: 'cls_lab' }));
  expect(done.result.kept).toEqual([]);
  expect(
    await host.sh(
      'ls -d /var/lib/rancher /etc/rancher /usr/local/bin/k3s /etc/systemd/system/k3s.service /etc/kipper/k3s.json 2>/dev/null; true',
    ),
  ).toBe('');
  expect(await host.sh('iptables-save | grep -cE "KUBE-|CNI-"; true')).toBe('0');
  expect(await host.sh('ip -o link show | grep -cE "cni0|flannel"; true')).toBe('0');
  expect(await host.sh('ps -eo args | grep -c "[c]ontainerd-shim"; true')).toBe('0');
});
