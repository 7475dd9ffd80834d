import { CommanderError, type Command } from 'commander';
import { Fault } from '../core/fault.ts';
import { Stopped } from './exit.ts';
import { listenForSignals } from './interrupt.ts';
import { makeProgram } from './kip.ts';
import { clean, fail } from './output.ts';

class WrongUse extends Fault {}

/** Wrong use is exit code 2 and told like every other fault, whatever commander calls it; help and version are no failures. */
function tellUseOurWay(command: Command, path: string): void {
  command.configureOutput({ outputError: () => {} });
  command.exitOverride((error) => {
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    throw new WrongUse('invalid_input', {
      message: error.message.replace(/^error: /, '').replace(/\n\(Did you mean /, ' (did you mean '),
      hint: `${path} --help`,
    });
  });
  for (const child of command.commands) tellUseOurWay(child, `${path} ${child.name()}`);
}

async function main(words: string[]): Promise<number> {
  const program = makeProgram();
  tellUseOurWay(program, 'kip');
  try {
    await program.parseAsync(words.length === 0 ? ['--help'] : words, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if (thrown instanceof Stopped) {
      process.stderr.write(`kip: ${clean(thrown.message)}\n`);
      return thrown.exit;
    }
    return fail(words.includes('--json'), thrown);
  }
}

// `kip … | head` ends the reader first; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});
listenForSignals();
process.exitCode = await main(process.argv.slice(2));
