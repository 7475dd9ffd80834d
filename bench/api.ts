import { once } from 'node:events';
import { openSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomBytes } from 'node:crypto';
import { serve } from '@hono/node-server';
import Sqlite from 'better-sqlite3';
import { Hono } from 'hono';
import { pino } from 'pino';
import { Redacted } from '../core/redacted.ts';
import { readConfig } from '../services/config.ts';
import type { Context } from '../services/context.ts';
import { migrate } from '../services/db/migrate.ts';
import { openDatabase } from '../services/db/open.ts';
import { makeApp } from '../services/http/app.ts';
import { acceptSetup } from '../services/people/accept-setup.ts';
import { makeSetupLink } from '../services/people/setup.ts';
import { signIn } from '../services/people/sign-in.ts';
import { makeVault } from '../services/vault/vault.ts';
import { scratch } from './stage/ending.ts';
import { countOf, median } from './stage/figures.ts';

/**
 * The API against the least a Hono route over SQLite can do: same file system, same synchronous=FULL, one insert per
 * write, same client. Rounds alternate between the two sides; what is printed are ratios of medians.
 */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const rounds = countOf('rounds', values.rounds, 100);
const roundMs = 1000;
const connections = 16;

interface Side {
  fetch: (request: Request, env: unknown) => Response | Promise<Response>;
  headers: Record<string, string>;
  readPath: string;
  close(): void;
}

function bareSide(dir: string): Side {
  const db = new Sqlite(join(dir, 'bare.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('create table projects (id text primary key, name text not null unique, created_at_ms integer not null)');
  const find = db.prepare('select id, name, created_at_ms as createdAtMs from projects where name = ?');
  const insert = db.prepare('insert into projects (id, name, created_at_ms) values (?, ?, ?)');
  insert.run('first', 'default', Date.now());
  const app = new Hono();
  app.get('/v1/projects/:project', (c) => c.json(find.get(c.req.param('project')) as object));
  app.post('/v1/projects', async (c) => {
    const { name } = await c.req.json<{ name: string }>();
    const row = { id: randomBytes(16).toString('hex'), name, createdAtMs: Date.now() };
    insert.run(row.id, row.name, row.createdAtMs);
    return c.json(row, 201);
  });
  return { fetch: app.fetch as Side['fetch'], headers: {}, readPath: '/v1/projects/default', close: () => db.close() };
}

async function kipperSide(dir: string): Promise<Side> {
  const db = openDatabase(join(dir, 'kipper.db'));
  migrate(db);
  const ctx: Context = {
    db,
    vault: makeVault(new Redacted(randomBytes(32))),
    config: readConfig({ KIPPER_DATA: dir }),
    now: () => Date.now(),
    random: (bytes) => randomBytes(bytes),
    ring: () => {},
  };
  const password = 'correct horse battery';
  await acceptSetup(ctx, '127.0.0.1', makeSetupLink(ctx).url.reveal().split('/').at(-1) ?? '', {
    organization: 'Bench',
    email: 'b@example.com',
    password,
  });
  const { accessToken } = await signIn(ctx, '127.0.0.1', { email: 'b@example.com', password });
  const sink = pino(pino.destination({ fd: openSync('/dev/null', 'w'), sync: false }));
  const log = {
    debug: (text: string, fields: object = {}) => sink.debug(fields, text),
    info: (text: string, fields: object = {}) => sink.info(fields, text),
    warn: (text: string, fields: object = {}) => sink.warn(fields, text),
    error: (text: string, fields: object = {}) => sink.error(fields, text),
  };
  const app = makeApp(ctx, { log, limits: { session: 1e9 } });
  return {
    fetch: app.fetch as Side['fetch'],
    headers: { authorization: `Bearer ${accessToken}` },
    readPath: '/v1/projects/default',
    close: () => db.$client.close(),
  };
}

interface Pace {
  perSecond: number;
  /** Processor time of this process for one answer, the client's share included. */
  cpuUs: number;
}

/** A fixed number of connections, each asking again as soon as it is answered. */
async function measure(
  port: number,
  agent: Agent,
  ask: () => { method: string; path: string; headers: Record<string, string>; body?: string },
  status: number,
): Promise<Pace> {
  let answered = 0;
  const cpuAtStart = process.cpuUsage();
  const startedAt = performance.now();
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const { body, ...options } = ask();
      const outgoing = request({ port, host: '127.0.0.1', agent, ...options }, (answer) => {
        if (answer.statusCode !== status) reject(new Error(`answered ${answer.statusCode}`));
        answer.resume().once('end', resolve);
      });
      outgoing.once('error', reject).end(body);
    });
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() - startedAt < roundMs) {
        await one();
        answered += 1;
      }
    }),
  );
  const { user, system } = process.cpuUsage(cpuAtStart);
  return { perSecond: (answered * 1000) / (performance.now() - startedAt), cpuUs: (user + system) / answered };
}

const dir = scratch();
const sides = { bare: bareSide(dir), kipper: await kipperSide(dir) };
const servers = await Promise.all(
  Object.entries(sides).map(async ([name, side]) => {
    const server = serve({ fetch: side.fetch, port: 0, hostname: '127.0.0.1' });
    await once(server, 'listening');
    return {
      name: name as keyof typeof sides,
      side,
      server,
      port: (server.address() as AddressInfo).port,
      agent: new Agent({ keepAlive: true, maxSockets: connections }),
    };
  }),
);
let made = 0;
const seen: Record<string, Pace[]> = {};
for (let round = -1; round < rounds; round += 1) {
  for (const { name, side, port, agent } of servers) {
    const headers = { ...side.headers, connection: 'keep-alive' };
    const read = await measure(port, agent, () => ({ method: 'GET', path: side.readPath, headers }), 200);
    const write = await measure(
      port,
      agent,
      () => {
        made += 1;
        const body = JSON.stringify({ name: `p${made}x` });
        return {
          method: 'POST',
          path: '/v1/projects',
          headers: { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) },
          body,
        };
      },
      201,
    );
    if (round < 0) continue;
    (seen[`${name} read`] ??= []).push(read);
    (seen[`${name} write`] ??= []).push(write);
  }
}
for (const { server, side, agent } of servers) {
  agent.destroy();
  server.close();
  side.close();
}
for (const [kind, goal] of [
  ['read', 70],
  ['write', 60],
] as const) {
  const paces = (side: string) => seen[`${side} ${kind}`] ?? [];
  const bare = median(paces('bare').map((pace) => pace.perSecond));
  const kipper = median(paces('kipper').map((pace) => pace.perSecond));
  const percent = (kipper / bare) * 100;
  const byCpu = (median(paces('bare').map((pace) => pace.cpuUs)) / median(paces('kipper').map((pace) => pace.cpuUs))) * 100;
  console.log(
    `${kind}: bare ${Math.round(bare)}/s, kipper ${Math.round(kipper)}/s, ${percent.toFixed(0)} % (goal >= ${goal} %) ${percent >= goal ? 'met' : 'MISSED'}; by processor time, which other load touches less: ${byCpu.toFixed(0)} %`,
  );
}
