import { Fault } from './fault.ts';

/** What a host may say in one probe; more is refused, not cut. */
export const probeMaxBytes = 4 * 1024 * 1024;

export interface Section {
  status: number;
  lines: string[];
}

/** The output of the probe scripts by section name: `@name`, lines that begin with one blank, `@=status`. */
export type Sections = ReadonlyMap<string, Section>;

/** Reads hostile text: any line out of shape refuses the whole answer (reason `probe_malformed`). */
export function parseSections(text: string): Sections {
  if (text.length > probeMaxBytes) throw malformed('is larger than 4 MiB');
  const sections = new Map<string, Section>();
  let open: { name: string; lines: string[] } | null = null;
  for (const line of text.split('\n')) {
    if (line === '' && open === null) continue;
    if (open === null) {
      const name = /^@([a-z0-9_.-]{1,64})$/.exec(line)?.[1];
      if (name === undefined || sections.has(name)) throw malformed('has a line outside its sections');
      open = { name, lines: [] };
    } else if (line.startsWith(' ')) {
      open.lines.push(line.slice(1));
    } else {
      const status = /^@=(\d{1,3})$/.exec(line)?.[1];
      if (status === undefined) throw malformed(`breaks inside section ${open.name}`);
      sections.set(open.name, { status: Number(status), lines: open.lines });
      open = null;
    }
  }
  if (open !== null) throw malformed(`ends inside section ${open.name}`);
  return sections;
}

function malformed(what: string): Fault {
  return new Fault('host_refused', {
    message: `the answer of the host's probe ${what}`,
    reason: 'probe_malformed',
    hint: 'log in to the server and run `sh -c "echo ok"` as root: its shell may be replaced or broken',
  });
}

/** The lines of a section, or none when the host did not answer it. */
export function linesOf(sections: Sections, name: string): string[] {
  return sections.get(name)?.lines ?? [];
}

export function statusOf(sections: Sections, name: string): number | null {
  return sections.get(name)?.status ?? null;
}
