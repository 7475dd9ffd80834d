import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { viewRun } from '../../runs/view.ts';
import { listFindings } from '../../servers/findings.ts';
import { inviteAgain, inviteAgainInput } from '../../servers/invite-again.ts';
import { inviteInput, inviteServer } from '../../servers/invite.ts';
import { listServers } from '../../servers/list.ts';
import { auditServer, hardenInput, hardenServer, undoInput, undoServer } from '../../servers/queue.ts';
import { removeServer } from '../../servers/remove.ts';
import { showServer } from '../../servers/show.ts';
import { updateInput, updateServer } from '../../servers/update.ts';
import { enrolmentView, findingView, serverView } from '../../servers/view.ts';
import { idParam, json, jsonBody, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';
import { runView } from '../run-view.ts';

const tags = ['servers'];
const params = idParam('server');
const invitedView = z.object({ server: serverView, enrolment: enrolmentView }).meta({ id: 'Invited' });
const removedView = z
  .object({ id: z.string(), name: z.string(), staysBehind: z.array(z.string()), command: z.string().nullable() })
  .meta({ id: 'RemovedServer' });
const flag = z.enum(['0', '1', 'true', 'false']).optional();

const isSet = (value: string | undefined): boolean => value === '1' || value === 'true';

const list = createRoute({
  method: 'get',
  path: '/servers',
  tags,
  summary: 'List servers',
  request: { query: pageQuery },
  responses: { 200: json(pageOf(serverView), 'oldest first'), ...problems },
});
const show = createRoute({
  method: 'get',
  path: '/servers/{server}',
  tags,
  summary: 'Show a server',
  request: { params },
  responses: { 200: json(serverView, 'the server'), ...problems },
});
const invite = createRoute({
  method: 'post',
  path: '/servers',
  tags,
  summary: 'Invite a server: the answer holds the line to paste on it',
  request: { body: jsonBody(inviteInput) },
  responses: { 201: json(invitedView, 'invited; the token is shown this once'), ...problems },
});
const again = createRoute({
  method: 'post',
  path: '/servers/{server}/enrolments',
  tags,
  summary: 'Invite a server again, for a new line or a machine that was installed anew',
  request: { params, body: jsonBody(inviteAgainInput) },
  responses: { 201: json(invitedView, 'invited; open enrolments before it are revoked'), ...problems },
});
const update = createRoute({
  method: 'patch',
  path: '/servers/{server}',
  tags,
  summary: 'Change the name, address or port of a server',
  request: { params, body: jsonBody(updateInput) },
  responses: { 200: json(serverView, 'the server'), ...problems },
});
const remove = createRoute({
  method: 'delete',
  path: '/servers/{server}',
  tags,
  summary: 'Forget a server',
  request: {
    params,
    query: z.strictObject({ force: flag.meta({ description: 'also with a cluster or our changes on it: what stays behind is said' }) }),
  },
  responses: { 200: json(removedView, 'forgotten, and what stays on the machine'), ...problems },
});
const accepted = { 202: json(runView, 'accepted: watch the run'), ...problems };
const audit = createRoute({
  method: 'post',
  path: '/servers/{server}/audit',
  tags,
  summary: 'Audit a server',
  request: { params },
  responses: accepted,
});
const harden = createRoute({
  method: 'post',
  path: '/servers/{server}/harden',
  tags,
  summary: 'Harden a server',
  request: { params, body: jsonBody(hardenInput) },
  responses: accepted,
});
const undo = createRoute({
  method: 'post',
  path: '/servers/{server}/undo',
  tags,
  summary: 'Undo what Kipper changed on a server',
  request: { params, body: jsonBody(undoInput) },
  responses: accepted,
});
const findings = createRoute({
  method: 'get',
  path: '/servers/{server}/findings',
  tags,
  summary: 'List the findings of a server',
  request: { params, query: pageQuery.extend({ resolved: flag }) },
  responses: { 200: json(pageOf(findingView), 'newest first'), ...problems },
});

/** Mounted under /v1. */
export function serverRoutes(ctx: Context) {
  return router()
    .openapi(list, (c) => c.json(listServers(ctx, c.get('actor'), c.req.valid('query')), 200))
    .openapi(show, (c) => c.json(showServer(ctx, c.get('actor'), c.req.valid('param').server), 200))
    .openapi(invite, (c) => c.json(inviteServer(ctx, c.get('actor'), c.req.valid('json')), 201))
    .openapi(again, (c) => c.json(inviteAgain(ctx, c.get('actor'), c.req.valid('param').server, c.req.valid('json')), 201))
    .openapi(update, (c) => c.json(updateServer(ctx, c.get('actor'), c.req.valid('param').server, c.req.valid('json')), 200))
    .openapi(remove, (c) => c.json(removeServer(ctx, c.get('actor'), c.req.valid('param').server, isSet(c.req.valid('query').force)), 200))
    .openapi(audit, (c) => c.json(viewRun(auditServer(ctx, c.get('actor'), c.req.valid('param').server)), 202))
    .openapi(harden, (c) => c.json(viewRun(hardenServer(ctx, c.get('actor'), c.req.valid('param').server, c.req.valid('json'))), 202))
    .openapi(undo, (c) => c.json(viewRun(undoServer(ctx, c.get('actor'), c.req.valid('param').server, c.req.valid('json'))), 202))
    .openapi(findings, (c) => {
      const { resolved, ...page } = c.req.valid('query');
      return c.json(listFindings(ctx, c.get('actor'), c.req.valid('param').server, page, isSet(resolved)), 200);
    });
}
