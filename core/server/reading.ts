import { linesOf, type Sections } from '../probe.ts';

/** What a host says may end on a person's terminal: control characters would be obeyed there. */
export function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '?').slice(0, 2000);
}

/** The lines of a section as they may be shown and stored: no control characters but the tab, 2000 characters each. */
export function read(sections: Sections, name: string): string[] {
  return linesOf(sections, name).map(clean);
}

/** `key value` lines as a record; the first of a key wins. */
export function readPairs(sections: Sections, name: string): Record<string, string> {
  const pairs = new Map<string, string>();
  for (const line of read(sections, name)) {
    const at = line.indexOf(' ');
    if (at > 0 && !pairs.has(line.slice(0, at))) pairs.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  return Object.fromEntries(pairs);
}

/** `path<TAB>line` lines, grouped by path in order of appearance. */
export function readTagged(sections: Sections, name: string): { path: string; lines: string[] }[] {
  const files = new Map<string, string[]>();
  for (const line of read(sections, name)) {
    const at = line.indexOf('\t');
    if (at < 1) continue;
    const path = line.slice(0, at);
    const lines = files.get(path);
    if (lines === undefined) files.set(path, [line.slice(at + 1)]);
    else lines.push(line.slice(at + 1));
  }
  return [...files].map(([path, lines]) => ({ path, lines }));
}

export function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The lines of a text of ours as a probe would give them back: comments and empty lines left out. */
export function meaningful(text: string): string[] {
  return text.split('\n').filter((line) => !/^[ \t]*(?:#|\/\/|$)/.test(line));
}
