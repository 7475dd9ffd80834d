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

/** The API names a field of its body; a person typed a flag. */
function inOurWords(thrown: unknown, command: Command): unknown {
  if (!(thrown instanceof Fault) || thrown.code !== 'invalid_input' || thrown.field?.startsWith('/') !== true) return thrown;
  const key = thrown.field.split('/').at(-1);
  const option = command.options.find((one) => one.attributeName() === key);
  const message = thrown.message.replace(`${thrown.field.slice(1)}: `, option === undefined ? '' : `${option.long}: `);
  const more = `${pathOf(command)} --help`;
  return new Fault('invalid_input', { message, hint: thrown.hint?.includes('/docs') === false ? thrown.hint : more });
}

const pathOf = (command: Command): string => (command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`);

async function main(words: string[]): Promise<number> {
  const program = makeProgram();
  let running: Command = program;
  program.hook('preAction', (_program, command) => {
    running = command;
  });
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
    const json = words.includes('--json');
    return fail(json, json ? thrown : inOurWords(thrown, running));
  }
}

// `kip … | head` ends the reader first; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});
listenForSignals();
process.exitCode = await main(process.argv.slice(2));
