import { existsSync, readFileSync, rmSync, watch, type FSWatcher } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { Fault } from '../core/fault.ts';

type Fetch = Parameters<typeof getRequestListener>[0];
export type Place = { host: string; port: number } | { path: string };

export interface Listening {
  /** Takes no more requests, gives open ones `graceMs`, then ends what is left (live streams). */
  stop(graceMs: number): Promise<void>;
}

const longestSocketPath = 107;

/** Serves on an address or a unix socket that only this user may open; with TLS the files are read again when they change. */
export async function listen(
  fetch: Fetch,
  place: Place,
  tls: { certFile: string; keyFile: string } | null,
  onTls: (thrown: unknown) => void,
): Promise<Listening> {
  const listener = getRequestListener(fetch);
  const server = tls === null ? createServer(listener) : createTlsServer({ ...readPair(tls), minVersion: 'TLSv1.2' }, listener);
  server.headersTimeout = 15_000;
  server.requestTimeout = 120_000;
  server.keepAliveTimeout = 65_000;
  await bind(server, place);
  const watcher = tls === null ? null : reloadOnChange(server as TlsServer, tls, onTls);
  return {
    stop: async (graceMs) => {
      watcher?.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function bind(server: Server | TlsServer, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (thrown: NodeJS.ErrnoException) => reject(refusedPlace(place, thrown)));
    if ('path' in place) {
      if (Buffer.byteLength(place.path) > longestSocketPath) {
        reject(
          new Fault('invalid_input', {
            message: `the path of the socket ${place.path} is longer than ${longestSocketPath} bytes`,
            field: 'KIPPER_DATA',
            hint: 'use a data folder with a shorter path',
          }),
        );
        return;
      }
      if (existsSync(place.path)) rmSync(place.path);
      const before = process.umask(0o177);
      server.listen(place.path, resolve);
      process.umask(before);
    } else {
      server.listen(place.port, place.host, resolve);
    }
  });
}

function refusedPlace(place: Place, thrown: NodeJS.ErrnoException): Fault {
  const name = 'path' in place ? place.path : `${place.host}:${place.port}`;
  const why =
    thrown.code === 'EADDRINUSE'
      ? 'is taken by another program'
      : thrown.code === 'EACCES'
        ? 'needs more rights'
        : 'is no address of this machine';
  return new Fault('conflict', {
    message: `cannot listen on ${name}: it ${why}`,
    field: 'KIPPER_LISTEN',
    hint: 'name another with KIPPER_LISTEN or --listen',
    cause: thrown,
  });
}

function readPair(tls: { certFile: string; keyFile: string }): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) };
}

/** Folders are watched, not files: renewals replace files by rename. */
function reloadOnChange(
  server: TlsServer,
  tls: { certFile: string; keyFile: string },
  onTls: (thrown: unknown) => void,
): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  const reload = () => {
    try {
      server.setSecureContext({ ...readPair(tls), minVersion: 'TLSv1.2' });
      onTls(null);
    } catch (thrown) {
      onTls(thrown);
    }
  };
  const watchers: FSWatcher[] = [...new Set([dirname(tls.certFile), dirname(tls.keyFile)])].map((folder) =>
    watch(folder, { persistent: false }, () => {
      clearTimeout(timer);
      timer = setTimeout(reload, 200);
    }),
  );
  return {
    close: () => {
      clearTimeout(timer);
      for (const each of watchers) each.close();
    },
  };
}
