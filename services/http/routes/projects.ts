import { createRoute } from '@hono/zod-openapi';
import type { Context } from '../../context.ts';
import { createEnvironment, createEnvironmentInput } from '../../projects/create-environment.ts';
import { createProject, createProjectInput } from '../../projects/create.ts';
import { listEnvironments } from '../../projects/list-environments.ts';
import { listProjects } from '../../projects/list.ts';
import { showProject } from '../../projects/show.ts';
import { environmentView, projectView } from '../../projects/view.ts';
import { idParam, json, jsonBody, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';

const tags = ['projects'];

const list = createRoute({
  method: 'get',
  path: '/projects',
  tags,
  summary: 'List projects',
  request: { query: pageQuery },
  responses: { 200: json(pageOf(projectView), 'oldest first'), ...problems },
});

const create = createRoute({
  method: 'post',
  path: '/projects',
  tags,
  summary: 'Create a project',
  request: { body: jsonBody(createProjectInput) },
  responses: { 201: json(projectView, 'created'), ...problems },
});

const show = createRoute({
  method: 'get',
  path: '/projects/{project}',
  tags,
  summary: 'Show a project',
  request: { params: idParam('project') },
  responses: { 200: json(projectView, 'the project'), ...problems },
});

const listOfEnvironments = createRoute({
  method: 'get',
  path: '/projects/{project}/environments',
  tags,
  summary: 'List the environments of a project',
  request: { params: idParam('project'), query: pageQuery },
  responses: { 200: json(pageOf(environmentView), 'oldest first'), ...problems },
});

const createOfEnvironment = createRoute({
  method: 'post',
  path: '/projects/{project}/environments',
  tags,
  summary: 'Create an environment of a project',
  request: { params: idParam('project'), body: jsonBody(createEnvironmentInput) },
  responses: { 201: json(environmentView, 'created'), ...problems },
});

/** Mounted under /v1 by app.ts; routes are chained so that the typed client knows them. */
export function projectRoutes(ctx: Context) {
  return router()
    .openapi(list, (c) => c.json(listProjects(ctx, c.get('actor'), c.req.valid('query')), 200))
    .openapi(create, (c) => c.json(createProject(ctx, c.get('actor'), c.req.valid('json')), 201))
    .openapi(show, (c) => c.json(showProject(ctx, c.get('actor'), c.req.valid('param').project), 200))
    .openapi(listOfEnvironments, (c) =>
      c.json(listEnvironments(ctx, c.get('actor'), c.req.valid('param').project, c.req.valid('query')), 200),
    )
    .openapi(createOfEnvironment, (c) =>
      c.json(createEnvironment(ctx, c.get('actor'), c.req.valid('param').project, c.req.valid('json')), 201),
    );
}
