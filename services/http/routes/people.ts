import { createRoute } from '@hono/zod-openapi';
import type { Context } from '../../context.ts';
import { spellEmail } from '../../people/email.ts';
import { refreshInput, refreshSession } from '../../people/refresh.ts';
import { signIn, signInInput } from '../../people/sign-in.ts';
import { signOut } from '../../people/sign-out.ts';
import { meView, signedInView } from '../../people/view.ts';
import { whoAmI } from '../../people/whoami.ts';
import { limiterKey } from '../address.ts';
import type { Limits } from '../limits.ts';
import { json, jsonBody, problems, router } from '../openapi.ts';

const tags = ['people'];

const createSession = createRoute({
  method: 'post',
  path: '/sessions',
  tags,
  summary: 'Sign in',
  security: [],
  request: { body: jsonBody(signInInput) },
  responses: { 201: json(signedInView, 'signed in'), ...problems },
});

const refresh = createRoute({
  method: 'post',
  path: '/sessions/refresh',
  tags,
  summary: 'Trade a refresh token for new tokens',
  security: [],
  request: { body: jsonBody(refreshInput) },
  responses: { 200: json(signedInView, 'the old refresh token is spent'), ...problems },
});

const endSession = createRoute({
  method: 'delete',
  path: '/sessions/current',
  tags,
  summary: 'Sign out',
  responses: { 204: { description: 'the session has ended' }, ...problems },
});
const me = createRoute({
  method: 'get',
  path: '/me',
  tags,
  summary: 'Who am I',
  responses: { 200: json(meView, 'person, organization and session'), ...problems },
});

export function peopleRoutes(ctx: Context, limits: Limits) {
  return router()
    .openapi(createSession, async (c) => {
      const input = c.req.valid('json');
      const address = limiterKey(c.get('address'));
      const account = `${address} ${spellEmail(input.email)}`;
      await limits.spend('signInAddress', address);
      await limits.spend('signIn', account);
      const answer = await signIn(ctx, c.get('address'), input);
      await limits.clear('signIn', account);
      return c.json(answer, 201);
    })
    .openapi(refresh, async (c) => c.json(await refreshSession(ctx, c.get('address'), c.req.valid('json')), 200))
    .openapi(endSession, (c) => {
      signOut(ctx, c.get('actor'));
      return c.body(null, 204);
    })
    .openapi(me, (c) => c.json(whoAmI(ctx, c.get('actor')), 200));
}
