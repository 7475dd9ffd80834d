import { OpenAPIHono } from '@hono/zod-openapi';
import { Fault } from '../../core/fault.ts';
import type { Context } from '../context.ts';
import { requireActor } from './auth.ts';
import { faultOf, problemOf } from './faults.ts';
import type { HttpEnv } from './openapi.ts';
import { projectRoutes } from './routes/projects.ts';

/** The whole public surface. It opens nothing: whoever listens hands requests to its `fetch`. */
export function makeApp(ctx: Context) {
  const app = new OpenAPIHono<HttpEnv>();
  app.onError((thrown) => problemOf(faultOf(thrown), ctx.config.url));
  app.notFound(() => problemOf(new Fault('not_found', { message: 'there is nothing at this address', hint: 'the routes are listed at /docs' }), ctx.config.url));
  app.use('*', async (c, next) => {
    c.set('address', '127.0.0.1');
    await next();
  });
  app.use('/v1/*', requireActor(ctx));
  return app.route('/v1', projectRoutes(ctx));
}

export type AppType = ReturnType<typeof makeApp>;
