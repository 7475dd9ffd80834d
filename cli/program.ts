import { Command, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { Fault } from '../core/fault.ts';
import { unixUser } from '../core/names.ts';
import type { Common } from './output.ts';

/** What every command takes, read from wherever on the line it stands. */
export function commonOf(command: Command): Common {
  const given = command.optsWithGlobals<Partial<Common>>();
  return {
    json: given.json ?? false,
    quiet: given.quiet ?? false,
    yes: given.yes ?? false,
    env: given.env ?? [],
    ...(given.project === undefined ? {} : { project: given.project }),
    ...(given.cluster === undefined ? {} : { cluster: given.cluster }),
  };
}

export const collect = (value: string, before: string[] = []): string[] => [...before, value];
const collectUsers = (value: string, before: string[] = []): string[] => [...before, word(unixUser)(value)];

/** `--env` means two things: entries with `=` are variables, one without names the environment. */
export function readEnv(common: Common): { environment: string | null; variables: Record<string, string> } {
  const names = common.env.filter((entry) => !entry.includes('='));
  if (names.length > 1)
    throw new Fault('invalid_input', {
      message: `two environments are named: ${names.join(' and ')}`,
      field: '--env',
      hint: 'a variable is written KEY=VALUE',
    });
  const variables = common.env
    .filter((entry) => entry.includes('='))
    .map((entry): [string, string] => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]);
  return { environment: names[0] ?? null, variables: Object.fromEntries(variables) };
}

/** A whole number in a range, or exit 2 with the range. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`use a whole number from ${least} to ${most}`);
    return value;
  };
}

export function matching(pattern: RegExp, say: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new InvalidArgumentError(say);
    return text;
  };
}

/** A word that a schema of core takes, or exit 2 with what the schema says. */
export function word(schema: z.ZodType<string>): (text: string) => string {
  return (text) => {
    const result = schema.safeParse(text);
    if (!result.success) throw new InvalidArgumentError(result.error.issues[0]?.message ?? 'this cannot be used');
    return text;
  };
}

/** Words that begin with a hyphen are options of somebody else's program, never an address or a user (T13). */
export const hostArgument = matching(
  /^(?:[0-9A-Za-z](?:[0-9A-Za-z._-]{0,251}[0-9A-Za-z])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]{1,45})$/,
  'use an address such as 203.0.113.7, a host name or a host of your ssh configuration',
);
export const planHashArgument = matching(/^[0-9a-f]{64}$/, 'use the 64 hex digits that --plan printed');
export const fingerprintArgument = matching(
  /^SHA256:[A-Za-z0-9+/]{43}$/,
  'use a fingerprint such as SHA256:… (43 characters), from ssh-keygen -lf',
);

/** The options that hardening takes, wherever it is asked for. */
export function hardenOptions(command: Command): Command {
  return command
    .option('--no-harden', 'leave surplus services and sshd as they are; findings are still shown')
    .option('--no-firewall', 'set up no firewall; findings are still shown')
    .option('--drop-login <user>', 'this account may lose its password login (repeatable)', collectUsers)
    .option('--yes-same-host', 'the server is the machine that Kipper itself runs on')
    .option('--plan', 'show the exact changes and their hash; change nothing')
    .option('--plan-hash <hash>', 'apply only the plan with this hash', planHashArgument);
}

export interface HardenFlags {
  harden: boolean;
  firewall: boolean;
  dropLogin?: string[];
  yesSameHost?: boolean;
  plan?: boolean;
  planHash?: string;
}

export function hardenBody(flags: HardenFlags): Record<string, unknown> {
  return {
    noHarden: !flags.harden,
    noFirewall: !flags.firewall,
    dropLogins: flags.dropLogin ?? [],
    yesSameHost: flags.yesSameHost ?? false,
    planOnly: flags.plan ?? false,
    ...(flags.planHash === undefined ? {} : { planHash: flags.planHash }),
  };
}

/** A group of verbs under one noun. */
export function noun(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}
