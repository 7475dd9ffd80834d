import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const sources = '/etc/apt';

function lines(): string[] {
  const parts = join(sources, 'sources.list.d');
  const files = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return [join(sources, 'sources.list'), ...files].filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
}

function fromStanza(stanza: string): string | undefined {
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'mi').exec(stanza)?.[1]?.trim() ?? '';
  if (!/\bdeb\b/.test(field('Types')) || !/\bmain\b/.test(field('Components'))) return undefined;
  return field('Suites')
    .split(/\s+/)
    .some((suite) => suite.endsWith('-updates'))
    ? field('URIs').split(/\s+/)[0]
    : undefined;
}

function fromLine(line: string): string | undefined {
  return /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+[a-z]+\s+main\b/.exec(line)?.[1];
}

/** The Debian mirror that this machine itself uses; undefined leaves the choice to mmdebstrap. */
export function debianMirror(): string | undefined {
  if (process.env['KIPPER_LAB_MIRROR']) return process.env['KIPPER_LAB_MIRROR'];
  if (!/^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))) return undefined;
  for (const text of lines()) {
    const found =
      text
        .split(/\n\s*\n/)
        .map(fromStanza)
        .find(Boolean) ?? text.split('\n').map(fromLine).find(Boolean);
    if (found) return found;
  }
  return undefined;
}
