import { parseArgs } from 'node:util';
import { down, list, ssh } from './command-hosts.ts';
import { prepare } from './command-prepare.ts';
import { up } from './command-up.ts';
import { imageNames, isImageName } from './images.ts';
import { missingNeeds, missingRoot } from './needs.ts';
import { unknownVariant, variants } from './variants.ts';

const usage = `bin/lab: throwaway Linux hosts on this machine, for trying Kipper

  bin/lab up [N] [--image ${imageNames.join('|')}] [--no-pods] [--variant NAME ...]
  bin/lab ls [--json]
  bin/lab ssh NAME [COMMAND ...]
  bin/lab down
  bin/lab variants
  bin/lab prepare
`;

class WrongInput extends Error {}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function refuse(sentence: string | undefined): void {
  if (sentence) throw new WrongInput(sentence);
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      allowNegative: true,
      options: {
        image: { type: 'string', default: 'debian-12' },
        pods: { type: 'boolean', default: true },
        variant: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new WrongInput((error as Error).message);
  }
}

function countOf(text: string | undefined): number {
  const count = Number(text ?? '1');
  refuse(Number.isInteger(count) && count >= 1 && count <= 50 ? undefined : `'${text}' is no number of hosts from 1 to 50.`);
  return count;
}

async function runUp(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const count = countOf(positionals[0]);
  refuse(positionals[1] && `One number is enough; '${positionals[1]}' is too much.`);
  const { image, pods, variant } = values;
  if (!isImageName(image)) throw new WrongInput(`There is no image '${image}'; known: ${imageNames.join(', ')}.`);
  refuse(unknownVariant(variant));
  const missing = await missingNeeds(say);
  if (missing) return fail(missing, 1);
  await up({ count, image, pods, variants: variant }, say);
  return 0;
}

async function runPrepare(): Promise<number> {
  const missing = await missingNeeds(say);
  if (missing) return fail(missing, 1);
  await prepare(say);
  return 0;
}

function fail(sentence: string, code: number): number {
  say(sentence);
  return code;
}

function listVariants(): number {
  for (const [name, variant] of Object.entries(variants)) process.stdout.write(`${name.padEnd(22)}${variant.why}\n`);
  return 0;
}

async function asRoot(work: () => Promise<number>): Promise<number> {
  const missing = missingRoot();
  return missing ? fail(missing, 1) : work();
}

async function main([command, ...args]: string[]): Promise<number> {
  if (command === 'up') return runUp(args);
  if (command === 'ls') return asRoot(() => list(parse(args).values.json));
  if (command === 'down') return asRoot(() => down(say));
  if (command === 'variants') return listVariants();
  if (command === 'prepare') return runPrepare();
  if (command === 'ssh') {
    const [name, ...rest] = args;
    if (!name) throw new WrongInput('Which host? `bin/lab ls` lists them.');
    return asRoot(() => ssh(name, rest, say));
  }
  const asked = command === undefined || ['help', '--help', '-h'].includes(command);
  if (!asked) throw new WrongInput(`There is no command '${command}'; there are up, ls, ssh, down, variants and prepare.`);
  process.stdout.write(usage);
  return command === undefined ? 2 : 0;
}

process.stdout.on('error', () => process.exit(0));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = fail((error as Error).message, error instanceof WrongInput ? 2 : 1);
}
