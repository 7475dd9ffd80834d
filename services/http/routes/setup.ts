import { Hono } from 'hono';
import { Fault, faultCodes } from '../../../core/fault.ts';
import { parsed } from '../../../core/parse.ts';
import type { Context } from '../../context.ts';
import { acceptSetup, setupInput } from '../../people/accept-setup.ts';
import { checkSetupToken } from '../../people/setup.ts';
import { limiterKey } from '../address.ts';
import { faultOf } from '../faults.ts';
import { html, page, pageHeaders, type Html } from '../html.ts';
import type { Limits } from '../limits.ts';
import type { HttpEnv } from '../openapi.ts';

interface Typed {
  organization: string;
  email: string;
}

function form(typed: Typed, wrong?: string): Html {
  return html`<h1>Set up Kipper</h1>
    <p>You are the first person here: you will own the organization.</p>
    ${wrong === undefined ? '' : html`<p class="wrong" role="alert">${wrong}</p>`}
    <form method="post">
      <label for="organization">Organization</label
      ><input id="organization" name="organization" required maxlength="80" autocomplete="organization" value="${typed.organization}" />
      <label for="email">Your e-mail address</label
      ><input id="email" name="email" type="email" required maxlength="254" autocomplete="username" value="${typed.email}" />
      <label for="password">Password (at least 12 characters)</label
      ><input id="password" name="password" type="password" required minlength="12" maxlength="72" autocomplete="new-password" />
      <button>Set up</button>
    </form>`;
}

function done(url: string, email: string): Html {
  return html`<h1>Kipper is set up</h1>
    <p>This link is used up. Sign in on your own machine, then add a server:</p>
    <pre>
kip login --url ${url} --email ${email}
kip server invite my-server
kip install --host ADDRESS --user root</pre>
    <p>The API is described at <a href="/docs">/docs</a>.</p>`;
}

function refused(message: string, hint: string): Html {
  return html`<h1>This does not work</h1>
    <p class="wrong">${message}</p>
    <p>${hint}</p>`;
}

/** GET shows a form and changes nothing; POST spends the link. The only HTML besides /docs. */
export function setupRoutes(ctx: Context, limits: Limits) {
  const headers = pageHeaders("'self'");
  const app = new Hono<HttpEnv>();
  app.onError((thrown, c) => {
    const fault = faultOf(thrown);
    if (fault.code === 'internal') throw fault;
    return c.newResponse(page('Kipper', refused(fault.message, fault.hint ?? '')), faultCodes[fault.code].status, headers);
  });
  app.get('/:token', async (c) => {
    await limits.spend('setup', limiterKey(c.get('address')));
    checkSetupToken(ctx, c.req.param('token'));
    return c.newResponse(page('Set up Kipper', form({ organization: '', email: '' })), 200, headers);
  });
  app.post('/:token', async (c) => {
    await limits.spend('setup', limiterKey(c.get('address')));
    checkSetupToken(ctx, c.req.param('token'));
    const typed = await formOf(c.req.header('content-type'), () => c.req.text());
    try {
      parsed(setupInput, typed);
    } catch (thrown) {
      const shown = { organization: String(typed['organization'] ?? '').slice(0, 80), email: String(typed['email'] ?? '').slice(0, 254) };
      return c.newResponse(page('Set up Kipper', form(shown, faultOf(thrown).message)), 422, headers);
    }
    const person = await acceptSetup(ctx, c.get('address'), c.req.param('token'), typed);
    return c.newResponse(page('Kipper is set up', done(ctx.config.url, person.email)), 201, headers);
  });
  return app;
}

async function formOf(contentType: string | undefined, read: () => Promise<string>): Promise<Record<string, string>> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(contentType ?? '')) {
    throw new Fault('malformed_request', {
      message: 'this content type is not understood here',
      hint: 'open the link in a browser and use the form',
    });
  }
  return Object.fromEntries(new URLSearchParams(await read()));
}
