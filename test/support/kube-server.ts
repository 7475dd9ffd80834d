import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Redacted } from '../../core/redacted.ts';
import type { KubeAccess } from '../../workers/kubeconfig.ts';

export interface Seen {
  method: string;
  path: string;
  search: URLSearchParams;
  body: unknown;
  headers: Record<string, unknown>;
}

export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Breaks the connection instead of answering. */
  drop?: boolean;
}

export interface KubeServer {
  access: KubeAccess;
  dial(): Promise<Duplex>;
  seen: Seen[];
  dials: { count: number };
  close(): Promise<void>;
}

/** Certificates of a throwaway authority: a server for 127.0.0.1 and one client. */
export function makeCertificates(): { ca: string; serverKey: string; serverCert: string; clientKey: string; clientCert: string } {
  const dir = mkdtempSync(join(tmpdir(), 'kipper-tls-'));
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test-ca', '-days', '2');
  for (const [name, san] of [
    ['server', 'IP:127.0.0.1'],
    ['client', 'DNS:client'],
  ] as const) {
    run('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`);
    run(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-copy_extensions',
      'copy',
    );
  }
  const read = (name: string) => readFileSync(join(dir, name), 'utf8');
  const made = {
    ca: read('ca.crt'),
    serverKey: read('server.key'),
    serverCert: read('server.crt'),
    clientKey: read('client.key'),
    clientCert: read('client.crt'),
  };
  rmSync(dir, { recursive: true });
  return made;
}

const groups: Record<string, { name: string; kind: string; namespaced: boolean }[]> = {
  '/api/v1': [
    { name: 'namespaces', kind: 'Namespace', namespaced: false },
    { name: 'pods', kind: 'Pod', namespaced: true },
    { name: 'pods/log', kind: 'Pod', namespaced: true },
    { name: 'secrets', kind: 'Secret', namespaced: true },
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
    { name: 'events', kind: 'Event', namespaced: true },
  ],
  '/apis/apps/v1': [
    { name: 'deployments', kind: 'Deployment', namespaced: true },
    { name: 'replicasets', kind: 'ReplicaSet', namespaced: true },
    { name: 'daemonsets', kind: 'DaemonSet', namespaced: true },
  ],
  '/apis/networking.k8s.io/v1': [{ name: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true }],
};

/** A TLS + HTTP/2 server with client certificates and discovery; `answer` decides the rest, null means 404. */
export async function startKubeServer(answer: (seen: Seen, count: number) => Reply | null): Promise<KubeServer> {
  const made = makeCertificates();
  const server: Http2SecureServer = createSecureServer({
    key: made.serverKey,
    cert: made.serverCert,
    ca: made.ca,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const seen: Seen[] = [];
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    const url = new URL(String(headers[':path']), 'https://127.0.0.1');
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const request: Seen = {
        method: String(headers[':method']),
        path: url.pathname,
        search: url.searchParams,
        body: text === '' ? undefined : JSON.parse(text),
        headers: { ...headers },
      };
      seen.push(request);
      const discovered = request.method === 'GET' ? groups[request.path] : undefined;
      const count = seen.filter((one) => one.method === request.method && one.path === request.path).length;
      const reply = discovered === undefined ? answer(request, count) : { status: 200, body: { resources: discovered } };
      if (reply?.drop === true) return stream.session?.destroy();
      stream.respond({ ':status': reply?.status ?? 404, 'content-type': 'application/json', ...reply?.headers });
      stream.end(JSON.stringify(reply?.body ?? { kind: 'Status', message: 'not found', reason: 'NotFound' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dials = { count: 0 };
  return {
    access: { host: '127.0.0.1', port, ca: made.ca, certificate: made.clientCert, key: new Redacted(made.clientKey) },
    dial: () =>
      new Promise((resolve, reject) => {
        dials.count += 1;
        const socket = connect(port, '127.0.0.1', () => resolve(socket));
        socket.once('error', reject);
      }),
    seen,
    dials,
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
