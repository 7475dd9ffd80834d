import { createRoute } from '@hono/zod-openapi';
import { Hono } from 'hono';
import { z } from 'zod';
import { enrolmentClaim } from '../../../core/server/enrolment.ts';
import type { Context } from '../../context.ts';
import { claimEnrolment } from '../../servers/claim-enrolment.ts';
import { readScript } from '../../servers/read-script.ts';
import { revokeEnrolment } from '../../servers/revoke-enrolment.ts';
import { idParam, json, jsonBody, problems, router, type HttpEnv } from '../openapi.ts';

const tags = ['enrolments'];

/** What an enrolling machine learns: that it worked, and by which name it is known. */
const claimedView = z.object({ server: z.object({ id: z.string(), name: z.string() }) }).meta({ id: 'Claimed' });

const claim = createRoute({
  method: 'post',
  path: '/enrolments/{enrolment}/claim',
  tags,
  summary: 'Spend an enrolment (the script on the server, or kip after an enrolment over SSH)',
  security: [],
  request: { params: idParam('enrolment'), body: jsonBody(enrolmentClaim) },
  responses: { 200: json(claimedView, 'enrolled: its host keys are pinned and the first audit is queued'), ...problems },
});

const revoke = createRoute({
  method: 'delete',
  path: '/enrolments/{enrolment}',
  tags,
  summary: 'Revoke an open enrolment',
  request: { params: idParam('enrolment') },
  responses: { 204: { description: 'revoked' }, ...problems },
});

/** Mounted under /v1. */
export function enrolmentRoutes(ctx: Context) {
  return router()
    .openapi(claim, (c) => {
      const { id, name } = claimEnrolment(ctx, c.get('address'), c.req.valid('param').enrolment, c.req.valid('json'));
      return c.json({ server: { id, name } }, 200);
    })
    .openapi(revoke, (c) => {
      revokeEnrolment(ctx, c.get('actor'), c.req.valid('param').enrolment);
      return c.body(null, 204);
    });
}

/** Mounted at /e: the script as text, by a public id. */
export function scriptRoutes(ctx: Context) {
  return new Hono<HttpEnv>().get('/:enrolment', (c) =>
    c.text(readScript(ctx, c.req.param('enrolment')).text, 200, { 'content-type': 'text/x-shellscript; charset=utf-8' }),
  );
}
