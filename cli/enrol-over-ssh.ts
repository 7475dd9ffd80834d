import { Fault } from '../core/fault.ts';
import { readState } from './config.ts';
import { exchange, exchangeJson } from './exchange.ts';
import { clean, say, type Common } from './output.ts';
import { asRoot, runTrusted, type HostKey, type SshOutcome, type SshPlace } from './ssh.ts';
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
    body: { ...claim, token: enrolment.token, address: place.host, ...(place.port === undefined ? {} : { port: place.port }) },
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
  const value: unknown = JSON.parse(Buffer.from(line.slice(claimMark.length).trim(), 'base64').toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Fault('host_refused', 'the claim of the enrolment script is malformed');
  return value as Record<string, unknown>;
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
