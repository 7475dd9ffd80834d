import { createHash } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { readState } from './config.ts';
import { exchange, exchangeJson } from './exchange.ts';
import { clean, say, type Common } from './output.ts';
import { claimMark, refused, runAsRoot } from './as-root.ts';
import { resolvedPlace, type HostKey, type SshPlace } from './ssh.ts';
import { textOf } from './transport.ts';

export interface Enrolment {
  id: string;
  token: string;
  scriptSha256: string;
}

/** Streams the enrolment script through the person's ssh and posts the one claim that it prints. No credential of theirs is sent to us. */
export async function enrolOverSsh(common: Common, place: SshPlace, key: HostKey, enrolment: Enrolment): Promise<void> {
  const state = readState();
  const script = await textOf(await exchange(state, `/e/${enrolment.id}`, { headers: { accept: 'text/x-shellscript' } }));
  if (createHash('sha256').update(script).digest('hex') !== enrolment.scriptSha256)
    throw new Fault('not_allowed', {
      message: 'the enrolment script is not the one that was announced; it was not run',
      hint: 'something between you and the control plane changes what it sends',
    });
  const input = `KIPPER_VIA=ssh\n${script}`;
  const said = (line: string) => {
    if (!line.startsWith(claimMark)) say(common, `  ${clean(line)}`);
  };
  const outcome = await runAsRoot(place, key, input, said);
  if (outcome.exit !== 0) throw refused(place, outcome);
  const claim = readClaim(outcome.stdout);
  demandSameKey(place, key, claim);
  await exchangeJson(state, `/v1/enrolments/${enrolment.id}/claim`, {
    method: 'POST',
    body: { ...claim, token: enrolment.token, ...(await resolvedPlace(place)) },
  });
}

/** What was confirmed on the terminal has to be among the keys that will be pinned; otherwise two machines are at work. */
function demandSameKey(place: SshPlace, key: HostKey, claim: Record<string, unknown>): void {
  const [, , confirmed = ''] = key.line.split(' ');
  const told = Array.isArray(claim['hostKeys']) ? claim['hostKeys'].map(String) : [];
  if (told.some((line) => line.split(' ')[1] === confirmed)) return;
  throw new Fault('host_key_changed', {
    message: `${place.host} says that ${key.fingerprint}, which its sshd shows, is not one of its keys; nothing was enrolled`,
    hint: 'an address that leads to another machine, or sshd with HostKey files outside /etc/ssh: compare with ssh-keygen -lf on the server, and take our account away there with the script and --uninstall',
  });
}

function readClaim(stdout: string): Record<string, unknown> {
  const lines = stdout.split('\n').filter((line) => line.startsWith(claimMark));
  const [line] = lines;
  if (lines.length !== 1 || line === undefined)
    throw new Fault('host_refused', {
      message: 'the enrolment script ended without its claim',
      hint: 'run the command again; its output above says what it did',
    });
  return objectOf(Buffer.from(line.slice(claimMark.length).trim(), 'base64').toString('utf8'));
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below: it came from a machine, so none of it is repeated.
  }
  throw new Fault('host_refused', { message: 'the claim of the enrolment script is malformed', hint: 'run the command again' });
}
