import type { OpenAPIHono } from '@hono/zod-openapi';
import { makeApp, type AppOptions } from '../../services/http/app.ts';
import { issueAccessToken } from '../../services/people/tokens.ts';
import { newContext, seedPerson, type PersonActor, type TestContext } from './record.ts';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects, and fails when it is not there
  json: any;
}

export interface Api {
  ctx: TestContext;
  app: ReturnType<typeof makeApp>;
  actor: PersonActor;
  token: string;
  /** As the signed-in person, unless headers say otherwise. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** As nobody. */
  stranger(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): void;
}

/** The whole app over a real record, with one owner signed in. */
export async function openApi(
  options: AppOptions & { environment?: Record<string, string>; role?: PersonActor['role'] } = {},
): Promise<Api> {
  const { environment, role, ...appOptions } = options;
  const ctx = newContext(environment === undefined ? {} : { environment });
  const app = makeApp(ctx, appOptions);
  const actor = seedPerson(ctx, role);
  const { token } = await issueAccessToken(ctx, actor.personId, actor.sessionId);
  return {
    ctx,
    app,
    actor,
    token,
    call: (method, path, body, headers) => ask(app, method, path, body, { authorization: `Bearer ${token}`, ...headers }),
    stranger: (method, path, body, headers) => ask(app, method, path, body, headers ?? {}),
    close: () => ctx.close(),
  };
}

export async function ask(
  app: Pick<OpenAPIHono, 'request'>,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
  peer = '203.0.113.9',
): Promise<Answer> {
  const json = body !== undefined && typeof body !== 'string';
  const init = {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string) }),
  };
  const answer = await app.request(path, init, { incoming: { socket: { remoteAddress: peer } } });
  const text = await answer.text();
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, headers: answer.headers, text, json: type.includes('json') ? JSON.parse(text) : undefined };
}

/** Every row of every table, as text: two of them are equal when nothing was written in between. */
export function dumpOf(ctx: TestContext): string {
  const tables = ctx.db.$client.prepare("select name from sqlite_master where type = 'table' order by name").pluck().all() as string[];
  return tables
    .map((table) => `${table} ${JSON.stringify(ctx.db.$client.prepare(`select * from "${table}" order by 1, 2`).all())}`)
    .join('\n');
}
