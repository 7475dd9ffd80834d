import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { deployApp, deployInput, type Deployed } from '../../apps/deploy.ts';
import { findApp, showApp } from '../../apps/find.ts';
import { listApps, listReleases } from '../../apps/list.ts';
import { releasePlanView, type ReleasePlan } from '../../apps/preview.ts';
import { releaseApp, releaseInput } from '../../apps/release.ts';
import { removeApp } from '../../apps/remove.ts';
import { appView, releaseView } from '../../apps/view.ts';
import type { Context } from '../../context.ts';
import { viewRun } from '../../runs/view.ts';
import { idParam, json, jsonBody, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';
import { runView } from '../run-view.ts';

const tags = ['apps'];
const deployedView = z.object({ app: appView, release: releaseView, run: runView, advice: z.array(z.string()) }).meta({ id: 'Deployed' });
const answers = {
  200: json(releasePlanView, 'with `plan`: what would be applied; nothing was created'),
  202: json(deployedView, 'accepted: watch the run'),
  ...problems,
};

const list = createRoute({
  method: 'get',
  path: '/apps',
  tags,
  summary: 'List apps',
  request: { query: pageQuery },
  responses: { 200: json(pageOf(appView), 'oldest first'), ...problems },
});
const deploy = createRoute({
  method: 'post',
  path: '/apps',
  tags,
  summary: 'Deploy an app, or its next release',
  request: { body: jsonBody(deployInput) },
  responses: answers,
});
const show = createRoute({
  method: 'get',
  path: '/apps/{app}',
  tags,
  summary: 'Show an app',
  request: { params: idParam('app') },
  responses: { 200: json(appView, 'the app'), ...problems },
});
const releases = createRoute({
  method: 'get',
  path: '/apps/{app}/releases',
  tags,
  summary: 'List the releases of an app',
  request: { params: idParam('app'), query: pageQuery },
  responses: { 200: json(pageOf(releaseView), 'oldest first'), ...problems },
});
const release = createRoute({
  method: 'post',
  path: '/apps/{app}/releases',
  tags,
  summary: 'Deploy the next release with some fields changed',
  request: { params: idParam('app'), body: jsonBody(releaseInput) },
  responses: answers,
});
const remove = createRoute({
  method: 'delete',
  path: '/apps/{app}',
  tags,
  summary: 'Remove an app from its cluster',
  request: { params: idParam('app') },
  responses: { 202: json(runView, 'accepted: watch the run'), ...problems },
});

function isPlan(made: Deployed | ReleasePlan): made is ReleasePlan {
  return 'objects' in made;
}

/** Mounted under /v1 by app.ts. */
export function appRoutes(ctx: Context) {
  return router()
    .openapi(list, (c) => c.json(listApps(ctx, c.get('actor'), c.req.valid('query')), 200))
    .openapi(deploy, (c) => {
      const made = deployApp(ctx, c.get('actor'), c.req.valid('json'));
      return isPlan(made) ? c.json(made, 200) : c.json({ ...made, run: viewRun(made.run) }, 202);
    })
    .openapi(show, (c) => c.json(showApp(ctx, findApp(ctx, c.get('actor'), c.req.valid('param').app)), 200))
    .openapi(releases, (c) => c.json(listReleases(ctx, c.get('actor'), c.req.valid('param').app, c.req.valid('query')), 200))
    .openapi(release, (c) => {
      const made = releaseApp(ctx, c.get('actor'), c.req.valid('param').app, c.req.valid('json'));
      return isPlan(made) ? c.json(made, 200) : c.json({ ...made, run: viewRun(made.run) }, 202);
    })
    .openapi(remove, (c) => c.json(viewRun(removeApp(ctx, c.get('actor'), c.req.valid('param').app)), 202));
}
