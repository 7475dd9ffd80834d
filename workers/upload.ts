import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import { Fault } from '../core/fault.ts';
import type { Target } from '../core/runs.ts';

/**
 * Constant text. The first line of standard input names fence, size and digest; the content follows. `read` takes one byte at
 * a time from a pipe, so nothing of the content is lost to it.
 */
const receive = [
  'umask 077',
  'IFS=" " read -r fence bytes sha || exit 64',
  'case $fence$bytes in *[!0-9]*) exit 64 ;; esac',
  'case $sha in "" | *[!0-9a-f]*) exit 64 ;; esac',
  'home=${KIPPER_HOME:-/var/lib/kipper}',
  'IFS=" " read -r run held rest <"$home/lease/holder" || exit 75',
  '[ "$held" = "$fence" ] || exit 75',
  'cd "$home/upload" || exit 72',
  'trap "rm -f $sha.$$" EXIT',
  'head -c "$bytes" >"$sha.$$" || exit 72',
  '[ "$(wc -c <"$sha.$$")" -eq "$bytes" ] || exit 65',
  'sum=$(sha256sum <"$sha.$$") || exit 72',
  '[ "${sum%% *}" = "$sha" ] || exit 65',
  'mv -f "$sha.$$" "$sha"',
].join('; ');

const receiver = `sudo -n /bin/sh -c '${receive}'`;

const failures: Readonly<Record<number, { reason: string; message: string; hint: string }>> = {
  65: { reason: 'upload_damaged', message: 'arrived incomplete or damaged', hint: 'try again' },
  72: { reason: 'disk_full', message: 'could not be written', hint: 'free some space in /var/lib/kipper and try again: df -h /var/lib' },
};

/** Streams an artefact to the host with backpressure; it is there, whole and checked, or not at all. */
export async function sendUpload(
  exec: (command: string) => Promise<ClientChannel>,
  target: Target,
  content: Readable,
  bytes: number,
  sha256: string,
  fence: number,
): Promise<void> {
  const channel = await exec(receiver);
  const exit = new Promise<number | null>((resolve) => {
    let code: number | null = null;
    channel.on('exit', (given: number | null) => (code = given));
    channel.on('close', () => resolve(code));
  });
  channel.resume();
  channel.stderr.resume();
  channel.write(`${fence} ${bytes} ${sha256}\n`);
  const sent = pipeline(content, channel).catch((thrown: unknown) => {
    channel.close();
    return thrown;
  });
  const code = await exit;
  const broken = await sent;
  if (code === 0) return;
  if (code === 75) throw new Fault('superseded', `a newer run has taken ${target.serverName} over; this one stopped`);
  const failure = code === null ? undefined : failures[code];
  throw new Fault('step_failed', {
    message: `${target.serverName}: an artefact ${failure?.message ?? 'could not be sent'}`,
    hint: failure?.hint ?? 'the connection may have broken; try again',
    reason: failure?.reason ?? 'connection_lost',
    cause: broken,
  });
}
