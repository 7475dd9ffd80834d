import type { Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { api } from '../api.ts';
import { askHidden, askText, firstInputLine } from '../ask.ts';
import { noState, readState, writeState } from '../config.ts';
import { exchange, exchangeJson } from '../exchange.ts';
import { answer, card, say } from '../output.ts';
import { textOf } from '../transport.ts';
import { commonOf, matching } from '../program.ts';
import type { SignedIn } from '../session.ts';

interface LoginFlags {
  url?: string;
  pin?: string;
  email?: string;
  passwordStdin?: boolean;
}

export interface Me {
  person: { email: string; role: string };
  organization: { id: string; name: string };
}

const originArgument = matching(/^https?:\/\/[^/?#\s]+\/?$/, 'use an origin such as https://kipper.example.com');
const pinArgument = matching(/^sha256\/\/[A-Za-z0-9+/]{43}=$/, 'use the pin that the control plane printed, sha256//…');

export function signInCommands(program: Command): void {
  program
    .command('login')
    .description('sign in to a control plane')
    .argument('[url]', 'the same as --url', originArgument)
    .option('--url <origin>', 'address of the control plane (default: the one before, or http://localhost:8700)', originArgument)
    .option('--pin <pin>', 'public key of its own certificate: sha256//…', pinArgument)
    .option('--email <email>', 'your e-mail address')
    .option('--password-stdin', 'read the password from the first line of standard input')
    .addHelpText('after', '\nExample:\n  kip login --url https://kipper.example.com --email ada@example.com')
    .action(async (origin: string | undefined, flags: LoginFlags, command: Command) => {
      const common = commonOf(command);
      const before = readState();
      const url = (flags.url ?? origin ?? before.url).replace(/\/$/, '');
      const pin = flags.pin ?? (url === before.url ? before.pin : null);
      demandPrivateWay(url, pin);
      await textOf(await exchange({ url, pin }, '/healthz', {}));
      const email = flags.email ?? (await askText('E-mail', 'add --email ADDRESS'));
      const password =
        flags.passwordStdin === true
          ? await firstInputLine('the password')
          : await askHidden('Password', 'add --password-stdin and give it on standard input');
      const signedIn = await exchangeJson<SignedIn>({ url, pin }, '/v1/sessions', {
        method: 'POST',
        body: { email, password, client: 'kip' },
      });
      writeState({
        ...noState,
        url,
        pin,
        email: signedIn.person.email,
        accessToken: signedIn.accessToken,
        accessUntilMs: signedIn.accessTokenExpiresAtMs,
        refreshToken: signedIn.refreshToken,
        cluster: url === before.url ? before.cluster : null,
      });
      say(common, `signed in to ${url} as ${signedIn.person.email}`);
      if (common.json) answer(common, { person: signedIn.person, session: signedIn.session }, () => '');
    });

  program
    .command('logout')
    .description('end the session here and on the control plane')
    .action(async (_flags: object, command: Command) => {
      const state = readState();
      if (state.refreshToken !== null) {
        await api('/v1/sessions/current', { method: 'DELETE' }).catch((thrown: unknown) => {
          if (!(thrown instanceof Fault) || thrown.code !== 'not_signed_in') throw thrown;
        });
      }
      writeState({ ...state, accessToken: null, accessUntilMs: 0, refreshToken: null });
      say(commonOf(command), 'signed out');
    });

  program
    .command('whoami')
    .description('who you are, and where')
    .action(async (_flags: object, command: Command) => {
      const me = await api<Me>('/v1/me');
      const state = readState();
      answer(commonOf(command), me, () =>
        card([
          ['person', me.person.email],
          ['role', me.person.role],
          ['organization', me.organization.name],
          ['control plane', state.url],
          ['cluster', state.cluster],
        ]),
      );
    });
}

/** A password goes out by TLS only, or not beyond this machine. */
function demandPrivateWay(url: string, pin: string | null): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return;
  if (pin !== null)
    throw new Fault('invalid_input', {
      message: 'a pin is of a certificate, and http:// has none',
      field: '--pin',
      hint: 'use https:// or leave out --pin',
    });
  if (/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return;
  throw new Fault('invalid_input', {
    message: `${url} would carry your password in clear`,
    field: '--url',
    hint: 'use https://, or reach it through ssh: ssh -L 8700:localhost:8700 HOST, then kip login --url http://localhost:8700',
  });
}
