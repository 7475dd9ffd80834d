import { expect, it } from 'vitest';
import { isOpen } from '../support/web.ts';
import type { World } from '../support/world.ts';

const privileged = `apiVersion: v1
kind: Pod
metadata: { name: intruder, namespace: default-production }
spec: { containers: [{ name: c, image: x, securityContext: { privileged: true }, resources: { limits: { cpu: 10m, memory: 16Mi } } }] }`;

const nodePort = `apiVersion: v1
kind: Service
metadata: { name: hole, namespace: default-production }
spec: { type: NodePort, selector: { a: b }, ports: [{ port: 80 }] }`;

/** Rows P1–P4, P9, P10, D1–D5: what the cluster refuses and what the network shows. Works on a deployed app's namespace. */
export function posturePart(world: () => World): void {
  it('Secrets are encrypted: k3s says so, and a canary is in no file of the datastore', async () => {
    const { main } = world();
    expect(await main.sh('k3s secrets-encrypt status')).toMatch(/Encryption Status:\s*Enabled/);
    const canary = 'canary-of-the-journey-0451';
    await main.sh(`k3s kubectl -n default create secret generic canary --from-literal=k=${canary}`);
    const encoded = Buffer.from(canary).toString('base64');
    expect(await main.sh(`k3s kubectl -n default get secret canary -o jsonpath='{.data.k}'`)).toBe(encoded);
    const found = await main.sh(
      `sync; grep -rlaE '${canary}|${encoded}' /var/lib/rancher/k3s/server/db /var/lib/rancher/k3s/server/logs; true`,
    );
    await main.sh('k3s kubectl -n default delete secret canary');
    expect(found).toBe('');
    expect(await main.sh('find /var/lib/rancher/k3s/server/db -type f -size +0 | wc -l')).not.toBe('0');
  });

  it('a privileged pod is refused in the app’s namespace by Pod Security, a NodePort by the quota', async () => {
    const { main } = world();
    const pod = await main.exec('k3s kubectl apply -f -', { stdin: privileged });
    expect(pod.code).not.toBe(0);
    expect(pod.stderr).toMatch(/violates PodSecurity "baseline/);
    const service = await main.exec('k3s kubectl apply -f -', { stdin: nodePort });
    expect(service.code).not.toBe(0);
    expect(service.stderr).toMatch(/exceeded quota.*services\.nodeports/s);
  });

  it('the API answers 401 to somebody without credentials', async () => {
    const code = await world().main.sh(`curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1:6443/api/v1/namespaces`);
    expect(code).toBe('401');
    expect(await world().main.sh(`curl -sk -o /dev/null -w '%{http_code}' https://127.0.0.1:10250/pods`)).toBe('401');
  });

  it.each(['address', 'address6'] as const)('from outside (%s) only ssh, http, https and the API are open', async (family) => {
    const address = world().main[family];
    const closed = [111, 2379, 2380, 8472, 10248, 10249, 10250, 10256, 10257, 10259, 30000, 32767];
    const states = await Promise.all(closed.map(async (port) => [port, await isOpen(address, port)] as const));
    expect(states.filter(([, open]) => open)).toEqual([]);
    const wanted = family === 'address' ? [22, 80, 443] : [22];
    for (const port of wanted) expect(await isOpen(address, port), `port ${port}`).toBe(true);
  });

  it('rpcbind is gone on IPv4 and IPv6, TCP and UDP, and stays masked', async () => {
    const { main } = world();
    expect(await main.sh('ss -Hlntu "( sport = :111 )"')).toBe('');
    expect(await main.sh('systemctl is-enabled rpcbind.socket rpcbind.service; true')).toBe('masked\nmasked');
  });
}
