import { parse } from 'yaml';
import { z } from 'zod';
import { Fault } from '../core/fault.ts';
import { Redacted } from '../core/redacted.ts';

/** What a TLS connection to the API server of one cluster takes. Lives as long as its run. */
export interface KubeAccess {
  host: string;
  port: number;
  ca: string;
  certificate: string;
  key: Redacted<string>;
}

const base64 = z.base64().max(100_000);
const schema = z.object({
  clusters: z.array(z.object({ cluster: z.object({ server: z.string().max(300), 'certificate-authority-data': base64 }) })).length(1),
  users: z.array(z.object({ user: z.object({ 'client-certificate-data': base64, 'client-key-data': base64 }) })).length(1),
});

/** Reads the kubeconfig that k3s wrote on the host. Its text is the host's: only a loopback server is accepted. */
export function parseKubeconfig(text: string): KubeAccess {
  const parsed = schema.safeParse(readYaml(text));
  const cluster = parsed.data?.clusters[0]?.cluster;
  const user = parsed.data?.users[0]?.user;
  if (cluster === undefined || user === undefined) throw unusable('it does not have one cluster and one user with certificates');
  const server = /^https:\/\/(127\.0\.0\.1|localhost):(\d{1,5})\/?$/.exec(cluster.server);
  if (server === null || Number(server[2]) > 65535) throw unusable('its server is not https on the loopback address');
  return {
    host: '127.0.0.1',
    port: Number(server[2]),
    ca: decode(cluster['certificate-authority-data']),
    certificate: decode(user['client-certificate-data']),
    key: new Redacted(decode(user['client-key-data'])),
  };
}

function readYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    throw unusable('it is not YAML');
  }
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

function unusable(why: string): Fault {
  return new Fault('host_refused', {
    message: `the kubeconfig on the server cannot be used: ${why}`,
    reason: 'kubeconfig_malformed',
    hint: 'look at /etc/rancher/k3s/k3s.yaml on the server; k3s writes it anew when it is removed and k3s restarts',
  });
}
