import type { Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { api } from '../api.ts';
import { askHidden, askText, firstInputLine } from '../ask.ts';
import { noState, readState, writeState } from '../config.ts';
import { exchangeJson } from '../exchange.ts';
import { answer, card, say } from '../output.ts';
import { commonOf, matching } from '../program.ts';
import type { SignedIn } from '../session.ts';

interface LoginFlags {
  url?: string;
  pin?: string;
  email?: string;
  passwordStdin?: boolean;
}

interface Me {
  person: { email: string; role: string };
  organization: { id: string; name: string };
}

const originArgument = matching(/^https?:\/\/[^/?#\s]+\/?$/, 'use an origin such as https://kipper.example.com');
const pinArgument = matching(/^sha256\/\/[A-Za-z0-9+/]{43}=$/, 'use the pin that the control plane printed, sha256//…');

export function signInCommands(program: Command): void {
  program
    .command('login')
    .description('sign in to a control plane')
    .option('--url <origin>', 'address of the control plane', originArgument)
    .option('--pin <pin>', 'public key of its own certificate: sha256//…', pinArgument)
    .option('--email <email>', 'your e-mail address')
    .option('--password-stdin', 'read the password from the first line of standard input')
    .addHelpText('after', '\nExample:\n  kip login --url https://kipper.example.com --email ada@example.com')
    .action(async (flags: LoginFlags, command: Command) => {
      const common = commonOf(command);
      const before = readState();
      const url = (flags.url ?? before.url).replace(/\/$/, '');
      const pin = flags.pin ?? (url === before.url ? before.pin : null);
      const email = flags.email ?? (await askText('E-mail', 'add --email ADDRESS'));
      const password =
        flags.passwordStdin === true
          ? firstInputLine('the password')
          : await askHidden('Password', 'add --password-stdin and give it on standard input');
      const signedIn = await exchangeJson<SignedIn>({ url, pin }, '/v1/sessions', {
        method: 'POST',
        body: { email, password, client: 'kip' },
      });
      writeState({
        ...noState,
        url,
        pin,
        email,
        accessToken: signedIn.accessToken,
        accessUntilMs: signedIn.accessTokenExpiresAtMs,
        refreshToken: signedIn.refreshToken,
        cluster: url === before.url ? before.cluster : null,
      });
      say(common, `signed in to ${url} as ${email}`);
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
