import { Hono } from 'hono';
import { z } from 'zod';
import { faultCodes } from '../../core/fault.ts';
import { html, page, pageHeaders, type Html } from './html.ts';
import type { HttpEnv } from './openapi.ts';

/** The part of an OpenAPI document that the page shows. */
const shown = z.object({
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string().optional(),
        tags: z.array(z.string()).optional(),
        security: z.array(z.unknown()).optional(),
        requestBody: z.unknown().optional(),
        responses: z.record(z.string(), z.unknown()),
      }),
    ),
  ),
});

/** The document at /v1/openapi.json, and a page made of it here: nothing comes from another site and nothing runs. */
export function docsRoutes(document: () => object) {
  let json: string | undefined;
  let text: string | undefined;
  const headers = pageHeaders("'none'");
  return new Hono<HttpEnv>()
    .get('/v1/openapi.json', (c) => c.newResponse((json ??= JSON.stringify(document())), 200, { 'content-type': 'application/json' }))
    .get('/docs', (c) => c.newResponse((text ??= page('Kipper API', body(document()))), 200, headers));
}

function body(document: object): Html {
  const { info, paths } = shown.parse(document);
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({ tag: route.tags?.[0] ?? 'other', path, method: method.toUpperCase(), ...route })),
  );
  const tags = [...new Set(rows.map((row) => row.tag))].sort();
  return html`<h1>${info.title} API ${info.version}</h1>
    <p>
      The whole description for programs is <a href="/v1/openapi.json">/v1/openapi.json</a> (OpenAPI 3.1). Send the access token of
      <code>POST /v1/sessions</code> as <code>Authorization: Bearer …</code>.
    </p>
    <p>
      Lists take <code>?limit=&amp;after=</code> and answer <code>{ items, next }</code>. A POST may carry an <code>Idempotency-Key</code>.
      Writes that start work answer 202 with the Run.
    </p>
    ${tags.map(
      (tag) =>
        html`<h2>${tag}</h2>
          <table>
            ${rows.filter((row) => row.tag === tag).map(rowOf)}
          </table>`,
    )}
    <h2>Refusals</h2>
    <p>
      Every refusal is <code>application/problem+json</code> (RFC 9457) with <code>code</code>, <code>detail</code>, <code>hint</code> and,
      where one field is at fault, <code>field</code>.
    </p>
    <table>
      ${Object.entries(faultCodes).map(
        ([code, { status, retryable }]) =>
          html`<tr id="${code}">
            <td><code>${code}</code></td>
            <td>${String(status)}</td>
            <td>${retryable ? 'may help to try again' : ''}</td>
          </tr>`,
      )}
    </table>`;
}

function rowOf(row: {
  method: string;
  path: string;
  summary?: string | undefined;
  security?: unknown[] | undefined;
  requestBody?: unknown;
  responses: Record<string, unknown>;
}): Html {
  const answers = Object.keys(row.responses).filter((status) => status.startsWith('2'));
  return html`<tr>
    <td><code>${row.method}</code></td>
    <td><code>${row.path}</code></td>
    <td>${row.summary ?? ''}${row.security?.length === 0 ? ' (no token needed)' : ''}</td>
    <td>${answers.join(', ')}</td>
  </tr>`;
}
