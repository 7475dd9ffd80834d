import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { makeApp } from '../../services/http/app.ts';
import { newContext, type TestContext } from '../support/record.ts';

export interface Plane {
  ctx: TestContext;
  port: number;
  /** Milliseconds that every answer is held back. */
  pace: { delayMs: number };
  close(): Promise<void>;
}

/** The real app behind real TLS with a certificate of its own; by default on loopback, under a name that is not. */
export async function makePlane(address = '127.0.0.1', name = 'kipper.test'): Promise<Plane> {
  const pace = { delayMs: 0 };
  let listener: ReturnType<typeof getRequestListener> | undefined;
  const scratch = newContext();
  const cert = makeCertificate(scratch.dir);
  const server: Server = createServer({ cert: readFileSync(cert.certFile), key: readFileSync(cert.keyFile) }, (request, response) => {
    setTimeout(() => void listener?.(request, response), pace.delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  const ctx = newContext({
    now: () => Date.now(),
    environment: { KIPPER_URL: `https://${name}:${port}`, KIPPER_TLS_CERT: cert.certFile, KIPPER_TLS_KEY: cert.keyFile },
  });
  listener = getRequestListener(makeApp(ctx).fetch);
  return {
    ctx,
    port,
    pace,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      ctx.close();
      scratch.close();
    },
  };
}

export function makeCertificate(dir: string, name = 'tls'): { certFile: string; keyFile: string } {
  const certFile = join(dir, `${name}.crt`);
  const keyFile = join(dir, `${name}.key`);
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=kipper.test',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'ignore' },
  );
  return { certFile, keyFile };
}
