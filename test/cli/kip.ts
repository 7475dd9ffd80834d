import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { build } from 'esbuild';
import { afterAll } from 'vitest';
import { newId } from '../../core/ids.ts';
import { clusters } from '../../services/db/tables.ts';
import { makeApp, type AppOptions } from '../../services/http/app.ts';
import { acceptSetup } from '../../services/people/accept-setup.ts';
import { readSessionActor } from '../../services/people/session-actor.ts';
import { makeSetupLink } from '../../services/people/setup.ts';
import { signIn } from '../../services/people/sign-in.ts';
import { newContext, seedServer, type PersonActor, type TestContext } from '../support/record.ts';

const root = join(import.meta.dirname, '../..');
export const email = 'ada@example.com';
export const password = 'correct horse battery';

export interface Plane {
  ctx: TestContext;
  url: string;
  server: Server;
  /** Ada, as kip's session of her. */
  actor: PersonActor;
  /** Requests so far, as `METHOD /path`. */
  seen: string[];
  /** A folder for kip in which Ada is signed in. */
  signedIn(): string;
  close(): Promise<void>;
}

/** The real app over real HTTP on loopback, set up by Ada. */
export async function openPlane(options: AppOptions = {}): Promise<Plane> {
  const seen: string[] = [];
  let listener: ReturnType<typeof getRequestListener> | undefined;
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    void listener?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ctx = newContext({ now: () => Date.now(), environment: { KIPPER_URL: url } });
  listener = getRequestListener(makeApp(ctx, options).fetch);
  const token = new URL(makeSetupLink(ctx).url.reveal()).pathname.split('/').at(-1) ?? '';
  await acceptSetup(ctx, '127.0.0.1', token, { organization: 'Engines', email, password });
  const made = await signIn(ctx, '127.0.0.1', { email, password });
  const folders: string[] = [];
  return {
    ctx,
    url,
    server,
    actor: readSessionActor(ctx, made.person.id, made.session.id, '127.0.0.1'),
    seen,
    signedIn: () => {
      const dir = newFolder();
      folders.push(dir);
      writeState(dir, {
        url,
        email,
        accessToken: made.accessToken,
        accessUntilMs: made.accessTokenExpiresAtMs,
        refreshToken: made.refreshToken,
      });
      return dir;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      ctx.close();
      for (const dir of folders) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** An installed cluster on an enrolled server of the same name. */
export function seedCluster(plane: Plane, name: string): { serverId: string; clusterId: string } {
  const server = seedServer(plane.ctx, plane.actor, { name, address: '203.0.113.7' });
  const clusterId = newId('cluster', plane.ctx.now(), plane.ctx.random);
  const row = {
    id: clusterId,
    organizationId: plane.actor.organizationId,
    serverId: server.id,
    name,
    state: 'installed',
    domain: '203-0-113-7.sslip.io',
    createdAtMs: plane.ctx.now(),
  } as const;
  plane.ctx.db.insert(clusters).values(row).run();
  return { serverId: server.id, clusterId };
}

export const newFolder = () => mkdtempSync(join(tmpdir(), 'kip-test-'));

export function writeState(dir: string, parts: object, mode = 0o600): void {
  const state = {
    url: 'http://127.0.0.1:1',
    pin: null,
    email: null,
    accessToken: null,
    accessUntilMs: 0,
    refreshToken: null,
    cluster: null,
  };
  writeFileSync(join(dir, 'kip.json'), JSON.stringify({ ...state, ...parts }), { mode });
}

export const readState = (dir: string) => JSON.parse(readFileSync(join(dir, 'kip.json'), 'utf8')) as Record<string, string | null>;

let bundle: Promise<string> | undefined;

afterAll(async () => {
  if (bundle !== undefined) rmSync(dirname(await bundle), { recursive: true, force: true });
});

/** cli/main.ts as bin/kip runs it: one file, so that hundreds of starts stay cheap. */
function bundled(): Promise<string> {
  bundle ??= (async () => {
    const outdir = newFolder();
    await build({
      absWorkingDir: root,
      entryPoints: { kip: 'cli/main.ts' },
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    });
    return join(outdir, 'kip.mjs');
  })();
  return bundle;
}

export interface Said {
  exit: number | null;
  stdout: string;
  stderr: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects, and fails when it is not there
  json: any;
}

export interface Running {
  child: ChildProcess;
  done: Promise<Said>;
  /** Resolves when standard error holds the text. */
  until(text: string): Promise<void>;
}

export async function start(dir: string, args: string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Running> {
  const env = { PATH: process.env['PATH'], HOME: dir, KIP_CONFIG_DIR: dir, ...options.env };
  const child = spawn(process.execPath, [await bundled(), ...args], { env, stdio: 'pipe' });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const done = new Promise<Said>((resolve) => {
    child.once('close', (exit) => resolve({ exit, ...said, json: jsonOf(said.stdout) ?? jsonOf(said.stderr) }));
  });
  const until = async (text: string) => {
    for (let tries = 0; !said.stderr.includes(text); tries += 1) {
      if (tries > 1000) throw new Error(`kip did not say ${text}: ${said.stdout}${said.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, done, until };
}

export async function kip(dir: string, args: string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Said> {
  return (await start(dir, args, options)).done;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
