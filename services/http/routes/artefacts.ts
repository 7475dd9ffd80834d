import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { acceptArtefact, acceptInput, artefactView, listArtefacts } from '../../clusters/artefacts.ts';
import type { Context } from '../../context.ts';
import { json, jsonBody, problems, router } from '../openapi.ts';

const tags = ['artefacts'];
const listView = z.object({ items: z.array(artefactView), next: z.null() }).meta({ id: 'Artefacts' });

const list = createRoute({
  method: 'get',
  path: '/artefacts',
  tags,
  summary: 'List the files that installs use',
  responses: { 200: json(listView, 'by architecture'), ...problems },
});
const accept = createRoute({
  method: 'post',
  path: '/artefacts',
  tags,
  summary: 'Accept the published digest of a file that nobody has pinned',
  request: { body: jsonBody(acceptInput) },
  responses: { 200: json(artefactView, 'accepted, fetched and checked'), ...problems },
});

/** Mounted under /v1. */
export function artefactRoutes(ctx: Context) {
  return router()
    .openapi(list, (c) => c.json({ items: listArtefacts(ctx, c.get('actor')), next: null }, 200))
    .openapi(accept, async (c) => c.json(await acceptArtefact(ctx, c.get('actor'), c.req.valid('json')), 200));
}
