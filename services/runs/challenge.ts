import { Fault } from '../../core/fault.ts';

const userAuthRequest = 50;

/**
 * Reads an SSH authentication challenge (RFC 4252, section 7) and refuses everything but: user kipper, service
 * ssh-connection, method publickey, algorithm ssh-ed25519, and exactly the given public key blob.
 */
export function demandChallenge(bytes: Buffer, publicBlob: Buffer): void {
  const reader = { bytes, at: 0 };
  const sessionId = readString(reader);
  if (sessionId.length < 20 || sessionId.length > 64) throw refused('session identifier');
  if (readByte(reader) !== userAuthRequest) throw refused('message');
  for (const [name, wanted] of [
    ['user', 'kipper'],
    ['service', 'ssh-connection'],
    ['method', 'publickey'],
  ] as const) {
    if (readString(reader).toString('latin1') !== wanted) throw refused(name);
  }
  if (readByte(reader) !== 1) throw refused('signature flag');
  if (readString(reader).toString('latin1') !== 'ssh-ed25519') throw refused('algorithm');
  if (!readString(reader).equals(publicBlob)) throw refused('public key');
  if (reader.at !== bytes.length) throw refused('length');
}

interface Reader {
  bytes: Buffer;
  at: number;
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at];
  if (byte === undefined) throw refused('length');
  reader.at += 1;
  return byte;
}

function readString(reader: Reader): Buffer {
  if (reader.at + 4 > reader.bytes.length) throw refused('length');
  const length = reader.bytes.readUInt32BE(reader.at);
  const start = reader.at + 4;
  if (start + length > reader.bytes.length) throw refused('length');
  reader.at = start + length;
  return reader.bytes.subarray(start, reader.at);
}

function refused(what: string): Fault {
  return new Fault('not_allowed', {
    message: `this is not a challenge of an SSH login of ours: its ${what} is another`,
    reason: 'challenge_refused',
  });
}
