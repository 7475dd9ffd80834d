import { createRoute } from '@hono/zod-openapi';
import { installProbe, previewInput, previewInstall, previewView } from '../../clusters/preview.ts';
import type { Context } from '../../context.ts';
import { json, jsonBody, problems, router } from '../openapi.ts';

const tags = ['plans'];

const probe = createRoute({
  method: 'get',
  path: '/plans/probe',
  tags,
  summary: 'The script that looks at a server and changes nothing',
  responses: {
    200: { description: 'POSIX sh, to be run as root', content: { 'text/x-shellscript': { schema: { type: 'string' } } } },
    ...problems,
  },
});

const preview = createRoute({
  method: 'post',
  path: '/plans',
  tags,
  summary: 'What an install would change on a server: creates nothing',
  request: { body: jsonBody(previewInput) },
  responses: { 200: json(previewView, 'the steps and the hash of the plan'), ...problems },
});

/** Mounted under /v1. */
export function planRoutes(ctx: Context) {
  return router()
    .openapi(probe, (c) => c.body(installProbe(), 200, { 'content-type': 'text/x-shellscript; charset=utf-8' }))
    .openapi(preview, (c) => c.json(previewInstall(ctx, c.get('actor'), c.req.valid('json')), 200));
}
