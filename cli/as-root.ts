import { Fault } from '../core/fault.ts';
import { clean } from './output.ts';
import { runTrusted, type HostKey, type SshOutcome, type SshPlace } from './ssh.ts';

/** Becomes root where the account is not; a sudo that wants a password says so, in English, and nothing has run. */
const asRoot = 'if [ "$(id -u)" = 0 ]; then exec sh -s; else LC_ALL=C exec sudo -n sh -s; fi';
const wantsPassword = /sudo: (?:a password is required|a terminal is required|no tty present|sorry, you must have a tty)/;

/** What the enrolment script puts before its claim. */
export const claimMark = 'KIPPER-CLAIM:';

/** Runs a script as root by the person's ssh. Where sudo asks for a password it asks on the person's own terminal. */
export async function runAsRoot(place: SshPlace, key: HostKey, script: string, onLine?: (line: string) => void): Promise<SshOutcome> {
  const lines = onLine === undefined ? {} : { onLine };
  const outcome = await runTrusted(place, key, asRoot, { input: script, ...lines });
  if (outcome.exit === 0 || !wantsPassword.test(outcome.stderr)) return outcome;
  return withSudoPassword(place, key, script);
}

/** The script waits in a 0600 file while sudo asks for the password on the person's own terminal. */
async function withSudoPassword(place: SshPlace, key: HostKey, input: string): Promise<SshOutcome> {
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
  return runTrusted(place, key, `sudo sh ${file}; code=$?; rm -f ${file}; exit $code`, { input: null, terminal: true, onPart: echo() });
}

/** Shows what comes as it comes, since a question for a password has no end of line; a claim is not for reading. */
function echo(): (part: string) => void {
  let line = '';
  let shown = 0;
  const show = () => {
    if (claimMark.startsWith(line) || line.startsWith(claimMark)) return;
    // ssh has put the terminal into raw mode: a new line alone does not go back to the left.
    process.stderr.write(clean(line.slice(shown)).replaceAll('\n', '\r\n'));
    shown = line.length;
  };
  return (part) => {
    for (const piece of part.replaceAll('\r', '').split(/(?<=\n)/)) {
      line += piece;
      show();
      if (line.endsWith('\n')) [line, shown] = ['', 0];
    }
  };
}

/** What stands between us and root there; the script's own words where it refused. */
export function refused(place: SshPlace, outcome: SshOutcome): Fault {
  // On a terminal both streams are one.
  const lines = `${outcome.stderr}\n${outcome.stdout}`.replaceAll('\r', '').split('\n');
  const told = lines.find((line) => line.includes('refused ('));
  const next = lines.find((line) => line.startsWith('kipper: next: '));
  if (told !== undefined) {
    return new Fault('host_refused', {
      message: `${place.host}: ${clean(told.replace(/^kipper: /, ''))}`,
      ...(next === undefined ? {} : { hint: clean(next.replace('kipper: next: ', '')) }),
    });
  }
  const reason = outcome.stderr.trim().split('\n').at(-1) ?? '';
  return new Fault(outcome.exit === 255 ? 'host_unreachable' : 'host_refused', {
    message: `${place.host} did not do it (ssh ended with ${outcome.exit})${reason === '' ? '' : `: ${clean(reason)}`}`,
    hint: 'try the same login by hand: your ssh has to get in, and root or sudo has to work',
  });
}
