import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** `kip completion bash|zsh|fish` prints the script for a shell to source. Called last: it reads the commands that are there. */
export function completionCommand(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('print the completion script of a shell')
    .addHelpText('after', '\nExample:\n  source <(kip completion bash)');
}
