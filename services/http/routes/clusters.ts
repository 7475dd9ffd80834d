import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { runInputs } from '../../../core/runs.ts';
import { createCluster, createInput } from '../../clusters/create.ts';
import { hardenCluster } from '../../clusters/harden.ts';
import { listClusters } from '../../clusters/list.ts';
import { removeCluster, removeInput } from '../../clusters/remove.ts';
import { showCluster } from '../../clusters/show.ts';
import { clusterView } from '../../clusters/view.ts';
import type { Context } from '../../context.ts';
import { viewRun } from '../../runs/view.ts';
import { idParam, json, jsonBody, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';
import { runView } from '../run-view.ts';

const tags = ['clusters'];
const params = idParam('cluster');
const createdView = z.object({ cluster: clusterView, run: runView }).meta({ id: 'ClusterInstall' });
const accepted = { 202: json(runView, 'accepted: watch the run'), ...problems };

const list = createRoute({
  method: 'get',
  path: '/clusters',
  tags,
  summary: 'List clusters',
  request: { query: pageQuery },
  responses: { 200: json(pageOf(clusterView), 'oldest first'), ...problems },
});
const show = createRoute({
  method: 'get',
  path: '/clusters/{cluster}',
  tags,
  summary: 'Show a cluster',
  request: { params },
  responses: { 200: json(clusterView, 'the cluster'), ...problems },
});
const create = createRoute({
  method: 'post',
  path: '/clusters',
  tags,
  summary: 'Turn an enrolled server into a hardened cluster',
  request: { body: jsonBody(createInput) },
  responses: { 202: json(createdView, 'accepted: watch the run'), ...problems },
});
const harden = createRoute({
  method: 'post',
  path: '/clusters/{cluster}/harden',
  tags,
  summary: 'Harden the server of a cluster',
  request: { params, body: jsonBody(runInputs.harden) },
  responses: accepted,
});
const remove = createRoute({
  method: 'delete',
  path: '/clusters/{cluster}',
  tags,
  summary: 'Take a cluster off its server: its apps and their data are lost',
  request: { params, body: jsonBody(removeInput) },
  responses: accepted,
});

/** Mounted under /v1. */
export function clusterRoutes(ctx: Context) {
  return router()
    .openapi(list, (c) => c.json(listClusters(ctx, c.get('actor'), c.req.valid('query')), 200))
    .openapi(show, (c) => c.json(showCluster(ctx, c.get('actor'), c.req.valid('param').cluster), 200))
    .openapi(create, async (c) => {
      const { cluster, run } = await createCluster(ctx, c.get('actor'), c.req.valid('json'));
      return c.json({ cluster, run: viewRun(run) }, 202);
    })
    .openapi(harden, (c) => c.json(viewRun(hardenCluster(ctx, c.get('actor'), c.req.valid('param').cluster, c.req.valid('json'))), 202))
    .openapi(remove, (c) => c.json(viewRun(removeCluster(ctx, c.get('actor'), c.req.valid('param').cluster, c.req.valid('json'))), 202));
}
