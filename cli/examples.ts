import type { Command } from 'commander';

/** One line to paste for each command that does not bring its own. */
const examples: Record<string, string> = {
  'kip logout': 'kip logout',
  'kip whoami': 'kip whoami --json',
  'kip server ls': 'kip server ls',
  'kip server show': 'kip server show web1',
  'kip server audit': 'kip server audit web1',
  'kip server harden': 'kip server harden web1 --plan',
  'kip server undo': 'kip server undo web1 --control sshd',
  'kip server remove': 'kip server remove web1',
  'kip cluster ls': 'kip cluster ls',
  'kip cluster use': 'kip cluster use web1',
  'kip cluster show': 'kip cluster show',
  'kip cluster remove': 'kip cluster remove web1',
  'kip project ls': 'kip project ls',
  'kip env ls': 'kip env ls --project shop',
  'kip app ls': 'kip app ls --project shop',
  'kip app show': 'kip app show web',
  'kip app releases': 'kip app releases web',
  'kip app rm': 'kip app rm web',
  'kip run ls': 'kip run ls --limit 5',
  'kip run show': 'kip run show --output',
  'kip run watch': 'kip run watch',
  'kip run cancel': 'kip run cancel RUN',
  'kip run retry': 'kip run retry RUN',
  'kip artefact ls': 'kip artefact ls',
};

export function giveExamples(command: Command, path = 'kip'): void {
  const example = examples[path];
  if (example !== undefined) command.addHelpText('after', `\nExample:\n  ${example}`);
  for (const child of command.commands) giveExamples(child, `${path} ${child.name()}`);
}
