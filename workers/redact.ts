/** Replaces known secrets in streams of text, also where one is cut by the border of two chunks. */
export class Redactor {
  readonly #secrets = new Set<string>();
  readonly #held = new Map<string, string>();

  /** Shorter ones would blank ordinary words and are refused. */
  add(secret: string): void {
    if (secret.length < 6) throw new TypeError('redact: a secret has at least 6 characters');
    this.#secrets.add(secret);
    for (const line of secret.split('\n')) if (line.length >= 16) this.#secrets.add(line);
  }

  /** The part of a stream that is safe to show now. What may be the beginning of a secret is kept back. */
  pass(stream: string, chunk: string): string {
    const text = (this.#held.get(stream) ?? '') + chunk;
    let border = this.#border(text);
    for (const [start, end] of this.#matches(text)) if (start < border && end > border) border = start;
    this.#held.set(stream, text.slice(border));
    return this.whole(text.slice(0, border));
  }

  /** What was kept back, at the end of a stream. */
  flush(stream: string): string {
    const rest = this.#held.get(stream) ?? '';
    this.#held.delete(stream);
    return this.whole(rest);
  }

  /** A text that stands alone. */
  whole(text: string): string {
    let shown = '';
    let at = 0;
    for (const [start, end] of this.#matches(text)) {
      shown += `${text.slice(at, start)}[redacted]`;
      at = end;
    }
    return shown + text.slice(at);
  }

  /** Every string inside a value. */
  deep<T>(value: T): T {
    if (this.#secrets.size === 0) return value;
    if (typeof value === 'string') return this.whole(value) as T;
    if (Array.isArray(value)) return value.map((item: unknown) => this.deep(item)) as T;
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.deep(member as unknown)])) as T;
    return value;
  }

  /** Stretches of secrets, overlapping ones joined, in order. */
  #matches(text: string): [number, number][] {
    const found: [number, number][] = [];
    for (const secret of this.#secrets) {
      for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1)) found.push([at, at + secret.length]);
    }
    found.sort((a, b) => a[0] - b[0]);
    const joined: [number, number][] = [];
    for (const [start, end] of found) {
      const last = joined.at(-1);
      if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
      else joined.push([start, end]);
    }
    return joined;
  }

  /** Where the longest end of the text begins that is a true beginning of a secret. */
  #border(text: string): number {
    let border = text.length;
    for (const secret of this.#secrets) {
      for (let length = Math.min(secret.length - 1, text.length); length > text.length - border; length -= 1) {
        if (text.endsWith(secret.slice(0, length))) {
          border = text.length - length;
          break;
        }
      }
    }
    return border;
  }
}
