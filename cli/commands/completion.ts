import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** `kip completion bash|zsh|fish` prints the script for a shell to source. Called last: it reads the commands that are there. */
export function completionCommand(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
}
