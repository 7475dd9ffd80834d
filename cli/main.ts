import { Command, CommanderError } from 'commander';
import { appCommands } from './commands/apps.ts';
import { clusterCommands } from './commands/clusters.ts';
import { completionCommand } from './commands/completion.ts';
import { installCommand } from './commands/install.ts';
import { projectCommands } from './commands/projects.ts';
import { runCommands } from './commands/runs.ts';
import { serverCommands } from './commands/servers.ts';
import { signInCommands } from './commands/sign-in.ts';
import { fail } from './output.ts';
import { collect } from './program.ts';
import { Detached } from './watch.ts';

export function makeProgram(): Command {
  const program = new Command('kip')
    .description('Kipper: hardened clusters on your own servers, and apps on them')
    .option('--json', 'answer with the exact JSON of the API')
    .option('--quiet', 'only the answer itself')
    .option('--yes', 'agree to what would be asked')
    .option('--org <org>', 'organization')
    .option('--project <project>', 'project (default)')
    .option('--env <env>', 'environment (production); for app deploy also KEY=VALUE', collect)
    .option('--cluster <cluster>', 'cluster')
    .showHelpAfterError('(kip COMMAND --help says more)')
    .addHelpText(
      'after',
      '\nFirst steps:\n  kip login\n  kip install --host 203.0.113.7\n  kip app deploy --name web --image IMAGE --port PORT',
    );
  signInCommands(program);
  serverCommands(program);
  installCommand(program);
  clusterCommands(program);
  projectCommands(program);
  appCommands(program);
  runCommands(program);
  completionCommand(program);
  return program;
}

/** Wrong use is exit code 2, whatever commander calls it; help and version are no failures. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}

async function main(): Promise<number> {
  const program = makeProgram();
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(process.argv);
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.code === 'commander.helpDisplayed' ? 0 : 2;
    if (thrown instanceof Detached) {
      process.stderr.write(`\n${thrown.message}\n`);
      return 130;
    }
    return fail(process.argv.includes('--json'), thrown);
  }
}

// `kip … | head` ends the reader first; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});
process.exitCode = await main();
