/**
 * Cuts one stream of a session into the output of calls. Every call ends with `\n<nonce> <exit>\n`; what could be the
 * beginning of that line is held back until it is known, so no byte of it is ever shown and none of the output is lost.
 */
export class MarkerScanner {
  readonly #marker: Buffer;
  #held: Buffer = Buffer.alloc(0);

  constructor(nonce: string) {
    this.#marker = Buffer.from(`\n${nonce} `);
  }

  /** Output to pass on, and the exit code once the call has ended. What follows the marker is kept for the next call. */
  push(chunk: Buffer): { output: Buffer; exit?: number } {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#marker);
    if (at >= 0) return this.#ended(bytes, at);
    const keep = this.#partial(bytes);
    this.#held = bytes.subarray(bytes.length - keep);
    return { output: bytes.subarray(0, bytes.length - keep) };
  }

  #ended(bytes: Buffer, at: number): { output: Buffer; exit?: number } {
    const start = at + this.#marker.length;
    const end = bytes.indexOf(0x0a, start);
    // A code has three digits at most: a host that knows the marker could go on without an end.
    if (end < 0 && bytes.length - start > 8) return { output: bytes.subarray(0, at), exit: 255 };
    if (end < 0) {
      this.#held = bytes.subarray(at);
      return { output: bytes.subarray(0, at) };
    }
    this.#held = bytes.subarray(end + 1);
    const exit = Number(bytes.toString('latin1', start, end));
    return { output: bytes.subarray(0, at), exit: Number.isInteger(exit) && exit >= 0 && exit <= 255 ? exit : 255 };
  }

  /** How many bytes at the end could begin a marker. */
  #partial(bytes: Buffer): number {
    for (let length = Math.min(this.#marker.length - 1, bytes.length); length > 0; length--) {
      if (bytes.subarray(bytes.length - length).equals(this.#marker.subarray(0, length))) return length;
    }
    return 0;
  }
}
