import type { Context as HonoContext } from 'hono';
import { z } from 'zod';
import { idPrefixes, type IdKind } from '../../core/ids.ts';
import type { HttpEnv } from './openapi.ts';

export type Fetch = (request: Request, env: unknown) => Response | Promise<Response>;

/** Where an id can be read again. What is not here cannot, and is named as withheld. */
const paths: Partial<Record<IdKind, string>> = { project: 'projects', server: 'servers', cluster: 'clusters', app: 'apps', run: 'runs' };

const recordSchema = z.object({ ids: z.record(z.string(), z.string()), members: z.array(z.string()) });
type AnswerRecord = z.infer<typeof recordSchema>;

const hasId = z.object({ id: z.string().max(64) });

/** What is kept of an answer: ids (under '' that of the answer itself) and the names of its members. */
export async function recordOf(answer: Response): Promise<AnswerRecord> {
  if (!(answer.headers.get('content-type') ?? '').startsWith('application/json')) return { ids: {}, members: [] };
  const body: unknown = await answer.json();
  if (typeof body !== 'object' || body === null) return { ids: {}, members: [] };
  const ids: Record<string, string> = {};
  for (const [member, value] of [['', body] as const, ...Object.entries(body)]) {
    const found = hasId.safeParse(value);
    if (found.success) ids[member] = found.data.id;
  }
  return { ids, members: Object.keys(body) };
}

/** The answer again, made of what its resources are now; what cannot be read again is withheld, which is said. */
export async function replayOf(c: HonoContext<HttpEnv>, status: number, kept: string | null, fetchSelf: Fetch): Promise<Response> {
  const record = recordSchema.parse(JSON.parse(kept ?? '{"ids":{},"members":[]}'));
  const body: Record<string, unknown> = {};
  for (const [member, id] of Object.entries(record.ids)) {
    const view = await readAgain(c, id, fetchSelf);
    if (member === '') Object.assign(body, view ?? { id });
    else if (view !== undefined) body[member] = view;
  }
  const withheld = record.members.filter((member) => !(member in body));
  if (withheld.length > 0)
    body['withheld'] = {
      members: withheld,
      why: 'this answer was given before; what may be secret in it is not kept and does not come twice',
    };
  return c.newResponse(status === 204 ? null : JSON.stringify(body), status as 200, {
    'content-type': 'application/json',
    'idempotency-replayed': 'true',
  });
}

async function readAgain(c: HonoContext<HttpEnv>, id: string, fetchSelf: Fetch): Promise<Record<string, unknown> | undefined> {
  const path = pathOf(id);
  if (path === undefined) return undefined;
  const request = new Request(new URL(path, c.req.url), { headers: { authorization: c.req.header('authorization') ?? '' } });
  const answer = await fetchSelf(request, c.env);
  return answer.status === 200 ? ((await answer.json()) as Record<string, unknown>) : undefined;
}

function pathOf(id: string): string | undefined {
  const kind = (Object.keys(idPrefixes) as IdKind[]).find((known) => id.startsWith(`${idPrefixes[known]}_`));
  const noun = kind === undefined ? undefined : paths[kind];
  return noun === undefined ? undefined : `/v1/${noun}/${encodeURIComponent(id)}`;
}
