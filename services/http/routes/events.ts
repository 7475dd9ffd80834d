import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { listEvents } from '../../events/list.ts';
import { eventView } from '../../events/view.ts';
import { json, problems, router } from '../openapi.ts';
import { pageOf, pageQuery } from '../page.ts';

const list = createRoute({
  method: 'get',
  path: '/events',
  tags: ['events'],
  summary: 'What happened, and who did it',
  request: { query: pageQuery.extend({ subject: z.string().max(64).optional() }) },
  responses: { 200: json(pageOf(eventView), 'newest first'), ...problems },
});

export function eventRoutes(ctx: Context) {
  return router().openapi(list, (c) => {
    const { subject, ...page } = c.req.valid('query');
    return c.json(listEvents(ctx, c.get('actor'), page, subject), 200);
  });
}
