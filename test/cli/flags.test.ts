import { CommanderError, type Command, type Option } from 'commander';
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/kip.ts';
import { kip, newFolder } from './kip.ts';

const dir = newFolder();
afterAll(() => rmSync(dir, { recursive: true }));

interface Flag {
  path: string[];
  option: Option;
}

function flagsOf(command: Command, path: string[] = []): Flag[] {
  return [
    ...command.options.map((option) => ({ path, option })),
    ...command.commands.flatMap((child) => flagsOf(child, [...path, child.name()])),
  ];
}
const flags = flagsOf(makeProgram()).filter(({ path }) => path[0] !== 'complete');

/** A value that each flag with a rule of its own refuses before anything is asked of the control plane. */
const wrong: Record<string, string> = {
  'install --host': '-oProxyCommand=x',
  'install --user': 'Root',
  'install --port': '0',
  'install --identity': '/nowhere/key',
  'install --host-key': 'MD5:00',
  'install --domain': 'localhost',
  'install --name': 'Web',
  'install --drop-login': '$(id)',
  'install --plan-hash': 'abc',
  'server harden --drop-login': '-x',
  'server harden --plan-hash': 'ABC',
  'cluster harden --drop-login': 'a b',
  'cluster harden --plan-hash': '',
  'server invite --minutes': '4',
  'login --url': 'kipper.example.com',
  'login --pin': 'sha256/x',
  'app deploy --port': '65536',
  'app deploy --rate-limit': '0',
  'app deploy --replicas': '-1',
  'app deploy --csp-allow': 'a,,b',
  'run ls --limit': '1e3',
};

describe('every flag, wrong once', () => {
  it.each(Object.entries(wrong))('%s refuses %j: exit 2, naming the flag', async (flag, value) => {
    const words = flag.split(' ');
    const name = words.pop() ?? '';
    const said = await kip(dir, [...words, `${name}=${value}`]);
    expect(said).toMatchObject({ exit: 2, stdout: '' });
    expect(said.stderr).toContain(name);
    expect(said.stderr).toMatch(/\n\s+kip .*--help\n$/);
  });

  it('a switch takes no value, and a flag that wants one is not left without', () => {
    for (const { path, option } of flags) {
      const long = option.long ?? '';
      const word = option.required || option.optional ? long : `${long}=yes`;
      const program = makeProgram();
      const quiet = (command: Command) => {
        command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} });
        command.commands.forEach(quiet);
      };
      quiet(program);
      let code = 'taken';
      try {
        program.parse([...path, word], { from: 'user' });
      } catch (thrown) {
        code = thrown instanceof CommanderError ? thrown.code : 'else';
      }
      expect(
        ['commander.unknownOption', 'commander.optionMissingArgument', 'commander.missingMandatoryOptionValue'],
        `${path.join(' ')} ${word} ${code}`,
      ).toContain(code);
    }
  });

  it('every flag whose value has a rule is in the table above', () => {
    const ruled = flags
      .filter(({ path, option }) => option.parseArg !== undefined && path.length > 0)
      .map(({ path, option }) => [...path, option.long].join(' '));
    const free = new Set(['server undo --control']);
    expect(ruled.filter((flag) => !(flag in wrong) && !free.has(flag))).toEqual([]);
  });

  it('two environments, or a variable without a name for one, are refused', async () => {
    const said = await kip(dir, ['app', 'deploy', '--name', 'a', '--image', 'b', '--port', '1', '--env', 'staging', '--env', 'production']);
    expect(said.exit).toBe(2);
    expect(said.stderr).toMatch(/two environments are named: staging and production\n\s+a variable is written KEY=VALUE/);
  });
});
