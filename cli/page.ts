import type { Command } from 'commander';
import { faultCodes } from '../core/fault.ts';

const meanings: Record<number, string> = {
  0: 'done',
  1: 'failed, or a question was answered with no',
  2: 'wrong use',
  3: 'not signed in',
  4: 'not allowed',
  5: 'not found',
  6: 'conflict',
  7: 'rate-limited',
  8: 'the control plane cannot be reached',
  9: 'a run or a host failed',
  130: 'interrupted (Ctrl-C)',
};

/** docs/cli.md, made of the commands themselves. */
export function renderCliPage(program: Command): string {
  const own = program.commands.filter((command) => command.name() !== 'complete');
  return (
    [
      '# kip',
      'The command line of Kipper, a client of its public API. Made from the commands by `bin/node bin/docs.ts`; do not edit.',
      'Answers go to standard output, how it goes to standard error. With `--json` the answer is the JSON of the API (a list is `{items, next}`, its pages followed to the end) and a failure is `{"error": {code, message, hint, field, reason}}` on standard error. ' +
        'Colour is for terminals only, and never against `NO_COLOR`. Long work shows its steps live; Ctrl-C detaches, the run goes on, and `kip run watch` comes back to it. ' +
        'The session lies in `kip.json` (0600) in the configuration folder of your system, or in `KIP_CONFIG_DIR`.',
      '## Every command',
      ...optionsTable(program),
      '## Exit codes',
      exitTable(),
      ...own.flatMap((command) => section(command, 'kip')),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  );
}

function exitTable(): string {
  const rows = Object.entries(meanings).map(([exit, meaning]) => {
    const codes = Object.entries(faultCodes).filter(([, entry]) => entry.exit === Number(exit));
    return `| ${exit} | ${meaning} | ${codes.map(([code]) => `\`${code}\``).join(' ')} |`;
  });
  return ['| exit | meaning | codes of the API |', '| --- | --- | --- |', ...rows].join('\n');
}

function section(command: Command, parent: string): string[] {
  const path = `${parent} ${command.name()}`;
  const verbs = command.commands.flatMap((child) => section(child, path));
  if (verbs.length > 0) return [`## ${path}`, sentence(command.description()), ...verbs];
  const heading = parent === 'kip' ? '##' : '###';
  return [
    `${heading} ${path}`,
    sentence(command.description()),
    `    ${[path, usage(command)].join(' ').trim()}`,
    ...optionsTable(command),
    ...examples(command),
  ];
}

const usage = (command: Command) =>
  [
    ...command.options.filter((option) => option.mandatory).map((option) => option.flags),
    ...(command.options.some((option) => !option.mandatory) ? ['[options]'] : []),
    ...command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`)),
  ].join(' ');

function optionsTable(command: Command): string[] {
  if (command.options.length === 0) return [];
  const rows = command.options.map(
    (option) =>
      `| \`${option.flags}\` | ${escape(option.description)}${option.defaultValue === undefined || option.negate ? '' : ` (default: ${String(option.defaultValue)})`} |`,
  );
  return [['| flag | meaning |', '| --- | --- |', ...rows].join('\n')];
}

/** What `--help` says after the options, read from the help text itself. */
export function examples(command: Command): string[] {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const after = text
    .split(/\n\n(?=Example:|Variables are)/)
    .slice(1)
    .join('\n\n')
    .trimEnd();
  return after === '' ? [] : [after.replaceAll(/^Example:\n {2}/gm, 'Example:\n\n    ')];
}

const escape = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
