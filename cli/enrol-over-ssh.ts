import { createHash } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { readState } from './config.ts';
import { exchange, exchangeJson } from './exchange.ts';
import { clean, say, type Common } from './output.ts';
import { asRoot, resolvedPlace, runTrusted, type HostKey, type SshOutcome, type SshPlace } from './ssh.ts';
import { textOf } from './transport.ts';

export interface Enrolment {
  id: string;
  token: string;
  scriptSha256: string;
}

const claimMark = 'KIPPER-CLAIM:';

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
  let outcome = await runTrusted(place, key, asRoot, { input, onLine: said });
  if (
    outcome.exit !== 0 &&
    /sudo: (?:a password is required|a terminal is required|no tty present|sorry, you must have a tty)/.test(outcome.stderr)
  ) {
    outcome = await withSudoPassword(place, key, input, said);
  }
  if (outcome.exit !== 0) throw refused(place, outcome);
  const claim = readClaim(outcome.stdout);
  await exchangeJson(state, `/v1/enrolments/${enrolment.id}/claim`, {
    method: 'POST',
    body: { ...claim, token: enrolment.token, ...(await resolvedPlace(place)) },
  });
}

/** The script waits in a 0600 file while sudo asks for the password on the person's own terminal. */
async function withSudoPassword(place: SshPlace, key: HostKey, input: string, onLine: (line: string) => void): Promise<SshOutcome> {
  if (process.stdin.isTTY !== true) {
    throw new Fault('host_refused', {
      message: `sudo on ${place.host} asks for a password, and there is no terminal to ask on`,
      reason: 'sudo_password',
      hint: 'run this from a terminal, or log in as root with --user root',
    });
  }
  const upload = await runTrusted(place, key, 'umask 077; f=$(mktemp /tmp/kipper-enrol.XXXXXX) && cat >"$f" && printf "%s\\n" "$f"', {
    input,
  });
  const file = upload.stdout.trim();
  if (!/^\/tmp\/kipper-enrol\.[A-Za-z0-9]{6}$/.test(file)) throw refused(place, upload);
  return runTrusted(place, key, `sudo sh ${file}; code=$?; rm -f ${file}; exit $code`, { input: null, terminal: true, onLine });
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

function refused(place: SshPlace, outcome: SshOutcome): Fault {
  const told = outcome.stderr.split('\n').find((line) => line.includes('refused ('));
  const next = outcome.stderr.split('\n').find((line) => line.startsWith('kipper: next: '));
  if (told !== undefined) {
    return new Fault('host_refused', {
      message: `${place.host}: ${clean(told.replace(/^kipper: /, ''))}`,
      ...(next === undefined ? {} : { hint: clean(next.replace('kipper: next: ', '')) }),
    });
  }
  const reason = outcome.stderr.trim().split('\n').at(-1) ?? '';
  return new Fault(outcome.exit === 255 ? 'host_unreachable' : 'host_refused', {
    message: `${place.host} could not be enrolled (ssh ended with ${outcome.exit})${reason === '' ? '' : `: ${clean(reason)}`}`,
    hint: 'try the same login by hand: your ssh has to get in, and root or sudo has to work',
  });
}
