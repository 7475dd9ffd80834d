import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPublic } from '../../services/http/auth.ts';
import { dumpOf, openApi, type Api } from '../support/http.ts';

let api: Api;
beforeAll(async () => {
  api = await openApi({ limits: { stranger: 100_000 } });
});
afterAll(() => api.close());

const routes = () => {
  const seen = new Map(
    api.app.routes
      .filter((route) => route.method !== 'ALL' && !route.path.includes('*'))
      .map((route) => [`${route.method} ${route.path}`, route]),
  );
  return [...seen.values()].map((route) => ({
    method: route.method,
    pattern: route.path,
    path: route.path.replaceAll(/:[a-zA-Z]+/g, 'x1'),
  }));
};

interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

describe('the route walk', () => {
  it('T28 every /v1 route but the declared public ones answers 401 without a token, and writes nothing', async () => {
    const before = dumpOf(api.ctx);
    const walked = routes().filter((route) => route.path.startsWith('/v1/') && !isPublic(route.method, route.path));
    expect(walked.length).toBeGreaterThan(15);
    for (const route of walked) {
      for (const authorization of [undefined, 'Bearer x.y.z', 'Basic YTpi']) {
        const answer = await api.stranger(
          route.method,
          route.path,
          route.method === 'GET' ? undefined : {},
          authorization === undefined ? {} : { authorization },
        );
        expect(answer.status, `${route.method} ${route.pattern}`).toBe(401);
        expect(answer.json.code).toBe('not_signed_in');
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
      }
    }
    expect(dumpOf(api.ctx)).toBe(before);
  });

  it('T30 another spelling of a path is no way around the token', async () => {
    for (const path of [
      '/v1//projects',
      '/v1/./projects',
      '/V1/projects',
      '//v1/projects',
      '/%761/projects',
      '/v1/projects/',
      '/v1/projects%2F',
      '/x/../v1/projects',
    ]) {
      const answer = await api.stranger('GET', path);
      expect([401, 404], path).toContain(answer.status);
      expect(answer.text).not.toContain('items');
    }
  });

  it('T36 no body route takes a field it does not know', async () => {
    const document = api.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'x', version: '1' } }) as unknown as {
      paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>;
      components: { schemas: Record<string, Schema> };
    };
    const loose: string[] = [];
    const walk = (schema: Schema, where: string): void => {
      const target = schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
      if (target === undefined) throw new Error(`${where}: ${schema.$ref}`);
      if (target.properties !== undefined && target.additionalProperties !== false) loose.push(where);
      for (const [name, property] of Object.entries(target.properties ?? {})) walk(property, `${where}.${name}`);
      for (const part of [
        ...(target.anyOf ?? []),
        ...(target.oneOf ?? []),
        ...(target.allOf ?? []),
        ...(target.items === undefined ? [] : [target.items]),
      ])
        walk(part, where);
    };
    let bodies = 0;
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, route] of Object.entries(methods)) {
        const schema = route.requestBody?.content['application/json']?.schema;
        if (schema === undefined) continue;
        bodies += 1;
        walk(schema, `${method} ${path}`);
        const answer = await api.call(method.toUpperCase(), path.replaceAll(/\{[^}]+\}/g, 'x1'), {
          organizationId: 'org_1',
          role: 'owner',
          id: 'x',
        });
        expect([404, 422], `${method} ${path}`).toContain(answer.status);
      }
    }
    expect(bodies).toBeGreaterThan(3);
    expect(loose).toEqual([]);
  });

  it('T58 the API never answers text/html, whatever the client accepts', async () => {
    for (const route of routes().filter((one) => one.path.startsWith('/v1/') && !one.path.endsWith('/sessions/current'))) {
      const answer = await api.call(
        route.method,
        route.path.replaceAll('x1', '<script>alert(1)</script>'),
        route.method === 'GET' ? undefined : '{"a":"<b>"',
        { accept: 'text/html' },
      );
      expect(answer.headers.get('content-type'), `${route.method} ${route.pattern}`).not.toContain('html');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('T59 every answer forbids framing and scripts', async () => {
    for (const path of ['/v1/projects', '/nowhere', '/docs', '/healthz', '/setup/kps_x', '/v1/openapi.json']) {
      const answer = await api.call('GET', path);
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy, path).toContain("frame-ancestors 'none'");
      expect(policy, path).toContain("default-src 'none'");
      expect(policy, path).not.toMatch(/script-src|unsafe/);
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
    }
  });

  it('answers an unknown route with a problem', async () => {
    const answer = await api.call('GET', '/v1/nothing');
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({ status: 404, code: 'not_found', hint: expect.stringContaining('/docs') });
  });

  it('describes every route under /v1 in the OpenAPI document', async () => {
    const document = (await api.stranger('GET', '/v1/openapi.json')).json;
    expect(document.openapi).toBe('3.1.0');
    const described = new Set(
      Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{([^}]+)\}/g, ':$1')}`),
      ),
    );
    const missing = routes().filter(
      (route) => route.path.startsWith('/v1/') && route.path !== '/v1/openapi.json' && !described.has(`${route.method} ${route.pattern}`),
    );
    expect(missing.map((route) => `${route.method} ${route.pattern}`)).toEqual([]);
    const page = await api.stranger('GET', '/docs');
    expect(page.text).toContain('/v1/projects');
    expect(page.text).not.toMatch(/<script|https?:\/\//);
  });
});
