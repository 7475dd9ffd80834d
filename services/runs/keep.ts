import { outputKeepBytes } from '../../core/runs.ts';

export interface Kept {
  outputHead: string;
  outputTail: string;
  /** Bytes of UTF-8 that the step printed, kept or not. */
  outputBytes: number;
}

/** Adds to what is kept of a step's output: the first and the last 256 KiB, never cut inside a character. */
export function keepOutput(kept: Kept, text: string): Kept {
  const bytes = Buffer.from(text);
  const headOpen = kept.outputTail === '';
  const room = headOpen ? outputKeepBytes - Buffer.byteLength(kept.outputHead) : 0;
  const cut = bytes.length <= room ? bytes.length : characterStart(bytes, room);
  const rest = bytes.subarray(cut);
  return {
    outputHead: cut === 0 ? kept.outputHead : kept.outputHead + bytes.toString('utf8', 0, cut),
    outputTail: rest.length === 0 ? kept.outputTail : lastBytes(Buffer.concat([Buffer.from(kept.outputTail), rest])),
    outputBytes: kept.outputBytes + bytes.length,
  };
}

/** The beginning of the character that the byte at `at` belongs to. */
function characterStart(bytes: Buffer, at: number): number {
  let start = Math.max(at, 0);
  while (start > 0 && isContinuation(bytes[start])) start -= 1;
  return start;
}

function lastBytes(bytes: Buffer): string {
  let start = Math.max(bytes.length - outputKeepBytes, 0);
  while (start < bytes.length && isContinuation(bytes[start])) start += 1;
  return bytes.toString('utf8', start);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
