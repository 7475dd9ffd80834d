import { OpenAPIHono } from '@hono/zod-openapi';
import manifest from '../../package.json' with { type: 'json' };
import { Fault } from '../../core/fault.ts';
import { controls } from '../../core/hardening/controls.ts';
import type { Context } from '../context.ts';
import type { Log } from '../log.ts';
import { listPublicKeys } from '../people/keys.ts';
import { limiterKey } from './address.ts';
import { requireActor } from './auth.ts';
import { limitBody } from './body.ts';
import { docsRoutes } from './docs.ts';
import { door, refuseForeignOrigin } from './door.ts';
import { faultOf, problemOf } from './faults.ts';
import { idempotency } from './idempotency.ts';
import { makeLimits, type Budget } from './limits.ts';
import type { HttpEnv } from './openapi.ts';
import { appRoutes } from './routes/apps.ts';
import { artefactRoutes } from './routes/artefacts.ts';
import { clusterRoutes } from './routes/clusters.ts';
import { controlRoutes } from './routes/controls.ts';
import { enrolmentRoutes, scriptRoutes } from './routes/enrolments.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes, type RedisState } from './routes/health.ts';
import { peopleRoutes } from './routes/people.ts';
import { planRoutes } from './routes/plans.ts';
import { projectRoutes } from './routes/projects.ts';
import { runRoutes } from './routes/runs.ts';
import { serverRoutes } from './routes/servers.ts';
import { setupRoutes } from './routes/setup.ts';

export interface AppOptions {
  /** The access log and the causes of unexpected errors; none when left out. */
  log?: Log;
  redis?: () => RedisState;
  /** Aborted when the process is about to end: /readyz says so and live streams end. */
  stopping?: AbortSignal;
  /** Other budgets of the rate limits, for measurements and tests. */
  limits?: Partial<Record<Budget, number>>;
}

/** Only these meet the middleware of writes: reads are most of the traffic. */
const unsafe = ['POST', 'PUT', 'PATCH', 'DELETE'];

/** The whole public surface. It opens nothing: whoever listens hands requests to its `fetch`. */
export function makeApp(ctx: Context, options: AppOptions = {}) {
  const { url } = ctx.config;
  const stopping = options.stopping ?? new AbortController().signal;
  const limits = makeLimits(ctx, options.limits);
  const app = new OpenAPIHono<HttpEnv>();

  app.onError((thrown, c) => {
    const fault = faultOf(thrown);
    if (fault.code === 'internal' || fault.code === 'storage_full') options.log?.error(fault.message, { cause: causeOf(fault) });
    return problemOf(c, fault, url);
  });
  app.notFound((c) =>
    problemOf(c, new Fault('not_found', { message: 'there is nothing at this address', hint: 'the routes are listed at /docs' }), url),
  );

  app.use('*', door(ctx.config, options.log));
  app.on(unsafe, '*', refuseForeignOrigin(ctx.config), limitBody());
  app.use('/v1/*', requireActor(ctx, limits));
  app.post(
    '/v1/*',
    idempotency(ctx, (request, env) => app.fetch(request, env as Record<string, unknown>)),
  );
  app.use('/v1/enrolments/:enrolment/claim', async (c, next) => {
    await limits.spend('claim', limiterKey(c.get('address')));
    await next();
  });

  const whole = app
    .route('/v1', peopleRoutes(ctx, limits))
    .route('/v1', projectRoutes(ctx))
    .route('/v1', runRoutes(ctx, stopping))
    .route('/v1', serverRoutes(ctx))
    .route('/v1', enrolmentRoutes(ctx))
    .route('/v1', planRoutes(ctx))
    .route('/v1', clusterRoutes(ctx))
    .route('/v1', artefactRoutes(ctx))
    .route('/v1', appRoutes(ctx))
    .route('/v1', controlRoutes(controls))
    .route('/v1', eventRoutes(ctx));

  app.openAPIRegistry.registerComponent('securitySchemes', 'accessToken', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
  app.route(
    '/',
    docsRoutes(() =>
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Kipper', version: manifest.version },
        servers: [{ url }],
        security: [{ accessToken: [] }],
      }),
    ),
  );
  app.route('/', healthRoutes(ctx, options.redis ?? (() => 'unknown'), stopping));
  app.route('/e', scriptRoutes(ctx));
  app.route('/setup', setupRoutes(ctx, limits));
  app.get('/.well-known/jwks.json', (c) => c.json(listPublicKeys(ctx)));
  return whole;
}

function causeOf(fault: Fault): string {
  return fault.cause instanceof Error ? (fault.cause.stack ?? fault.cause.message) : fault.message;
}

/** For typed clients, such as the console.
 * @public */
export type AppType = ReturnType<typeof makeApp>;
