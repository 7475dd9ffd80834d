import { keptMost } from '../core/wire.ts';

/** What stays on the host, as a settlement takes it: the first thousand titles, the last of which counts the rest. */
export function keptTitles(titles: readonly string[]): string[] {
  const short = titles.slice(0, keptMost).map((title) => title.slice(0, 1_000));
  return titles.length <= keptMost ? short : [...short.slice(0, -1), `and ${titles.length - keptMost + 1} more`];
}
