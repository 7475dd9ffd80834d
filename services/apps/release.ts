import { z } from 'zod';
import { cspAdvice } from '../../core/app/csp.ts';
import { defaultHost } from '../../core/app/names.ts';
import { appSpec, appSpecPatch } from '../../core/app/spec.ts';
import { Fault } from '../../core/fault.ts';
import { parsed } from '../../core/parse.ts';
import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { atomically } from '../db/open.ts';
import { addRelease } from './add-release.ts';
import type { Deployed } from './deploy.ts';
import { findApp, lastRelease, showApp, surroundings } from './find.ts';
import { moveHost } from './host.ts';
import { previewRelease, type ReleasePlan } from './preview.ts';
import { viewRelease } from './view.ts';

/** A change of the last release: what is left out stays as it is, null takes a `domain` away. */
export const releaseInput = z.strictObject({ spec: appSpecPatch, plan: z.boolean().default(false) }).meta({ id: 'ReleaseWish' });

/** The next release of a standing app (id or name): its last spec with the given fields changed. */
export function releaseApp(ctx: Context, actor: Actor, idOrName: string, input: z.input<typeof releaseInput>): Deployed | ReleasePlan {
  const app = findApp(ctx, actor, idOrName);
  const wish = parsed(releaseInput, input);
  if (app.state === 'removed') {
    throw new Fault('gone', { message: `app ${app.name} was removed`, hint: `deploy it anew with kip app deploy --name ${app.name}` });
  }
  const last = lastRelease(ctx, app);
  const given = Object.fromEntries(Object.entries(wish.spec).filter(([, value]) => value !== undefined));
  const spec = parsed(appSpec, { ...(last === undefined ? {} : (JSON.parse(last.spec) as object)), ...given });
  const around = surroundings(ctx, app);
  const host = spec.domain ?? defaultHost(app.name, around.environment, around.cluster.domain);
  if (wish.plan)
    return previewRelease(ctx, around.cluster, { app: app.name, project: around.project, environment: around.environment, host }, spec);
  const made = atomically(ctx.db, () => {
    const moved = moveHost(ctx, app, host);
    return { app: moved, ...addRelease(ctx, actor, moved, spec) };
  });
  ctx.ring();
  return { app: showApp(ctx, made.app), release: viewRelease(made.release), run: made.run, advice: cspAdvice(spec.cspAllow) };
}
