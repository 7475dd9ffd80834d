import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/kip.ts';
import { examples, renderCliPage } from '../../cli/page.ts';

const root = join(import.meta.dirname, '../..');
const program = makeProgram();
const nouns = program.commands.map((command) => command.name());

/** What a text tells a person to type: `kip noun verb … --flag`, up to the end of the quote, sentence or line. */
function linesOf(text: string): string[] {
  const verb = new RegExp(`\\bkip (?:${nouns.join('|')})\\b[^'"\`\\n\\\\|;<>]*`, 'g');
  return [...text.matchAll(verb)].map((match) => match[0].split(/,? (?:and|or|to|if|first|then|writes|asks) |, |\. |\)/)[0] ?? '');
}

function offence(line: string): string | null {
  const words = line.trim().split(/\s+/).slice(1);
  let command: Command = program;
  while (command.commands.length > 0 && words.length > 0) {
    const next = command.commands.find((child) => child.name() === words[0]);
    if (next === undefined) return `there is no ${line}`;
    command = next;
    words.shift();
  }
  const known = new Set([...command.options, ...program.options].flatMap((option) => [option.long, option.short]));
  const flag = words.map((word) => /^--[a-z][a-z-]*/.exec(word)?.[0]).find((word) => word !== undefined && !known.has(word));
  return flag === undefined ? null : `${line}: there is no ${flag}`;
}

describe('what people are told to type', () => {
  it('exists: every kip command and flag that a hint, a page or a script names', () => {
    const files = execFileSync(
      'git',
      [
        'ls-files',
        '-co',
        '--exclude-standard',
        '--',
        'core/*.ts',
        'services/*.ts',
        'workers/*.ts',
        'cli/*.ts',
        'bin/*.ts',
        'bootstrap/*.sh',
        'README.md',
        'docs/*.md',
      ],
      { cwd: root, encoding: 'utf8' },
    );
    const offences = files
      .trim()
      .split('\n')
      .flatMap((file) =>
        linesOf(readFileSync(join(root, file), 'utf8'))
          .flatMap((line) => offence(line) ?? [])
          .map((text) => `${file}: ${text}`),
      );
    expect(offences).toEqual([]);
  });

  it('every command has a description and an example', () => {
    const visit = (command: Command): Command[] => [command, ...command.commands.flatMap(visit)];
    const all = visit(program).filter((command) => command.name() !== 'complete');
    expect(all.filter((command) => command.description() === '').map((command) => command.name())).toEqual([]);
    const leaves = all.filter((command) => command.commands.length === 0);
    expect(leaves.filter((command) => examples(command).length === 0).map((command) => command.name())).toEqual([]);
  });

  it('docs/cli.md is what the commands say', () => {
    expect(readFileSync(join(root, 'docs/cli.md'), 'utf8'), 'run bin/node bin/docs.ts').toBe(renderCliPage(makeProgram()));
  });
});
