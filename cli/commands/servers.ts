import type { Command } from 'commander';
import { api } from '../api.ts';
import { confirm, confirmName } from '../ask.ts';
import { answer, card, say, table, when, type Common } from '../output.ts';
import { collect, commonOf, hardenBody, hardenOptions, noun, type HardenFlags } from '../program.ts';
import { finishRun, showPlan, tellChanges } from '../run-and-show.ts';
import type { RunView } from '../watch.ts';

export interface ServerView {
  id: string;
  name: string;
  state: string;
  address: string | null;
  port: number | null;
  unreachable: { name: string; sentence: string; hint: string } | null;
  hostKeys: { algorithm: string; fingerprint: string; pinnedAtMs: number }[];
  facts: Record<string, unknown> | null;
  hardenedAtMs: number | null;
  lastSeenAtMs: number | null;
}

interface Invited {
  server: ServerView;
  enrolment: { id: string; line: string | null; check: string | null; scriptSha256: string; expiresAtMs: number };
}

interface FindingView {
  severity: string;
  title: string;
  evidence: string;
  hint: string;
  remedy: string;
}

const path = (server: string) => `/v1/servers/${encodeURIComponent(server)}`;
const stateOf = (server: ServerView) => (server.unreachable === null ? server.state : `${server.state}, unreachable`);

export function serverCommands(program: Command): void {
  const server = noun(program, 'server', 'the machines that Kipper looks after');

  server
    .command('invite <name>')
    .description('a one-time line to paste on a server; for one that is known, after it was installed anew')
    .addHelpText('after', '\nExample:\n  kip server invite web1')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const known = (await listServers()).find((one) => one.name === name || one.id === name);
      const invited =
        known === undefined ? await api<Invited>('/v1/servers', { method: 'POST', body: { name } }) : await inviteAgain(common, known);
      answer(common, invited, () => inviteText(invited));
    });

  server
    .command('ls')
    .description('list servers')
    .action(async (_flags: object, command: Command) => {
      const items = await listServers();
      answer(commonOf(command), { items }, () =>
        table(
          ['name', 'state', 'address', 'hardened', 'seen'],
          items.map((one) => [one.name, stateOf(one), one.address ?? '-', when(one.hardenedAtMs), when(one.lastSeenAtMs)]),
          'no servers yet: kip install --host ADDRESS, or kip server invite NAME',
        ),
      );
    });

  server
    .command('show <server>')
    .description('a server with its pinned host keys and findings')
    .action(async (name: string, _flags: object, command: Command) => {
      const one = await api<ServerView>(path(name));
      const findings = await api<{ items: FindingView[] }>(`${path(name)}/findings?limit=200`);
      answer(commonOf(command), { ...one, findings: findings.items }, () => [serverText(one), '', findingsText(findings.items)].join('\n'));
    });

  server
    .command('audit <server>')
    .description('look, change nothing, and tell the findings')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const run = await finishRun(common, await api<RunView>(`${path(name)}/audit`, { method: 'POST' }));
      const findings = await api<{ items: FindingView[] }>(`${path(name)}/findings?limit=200`);
      answer(common, { run, findings: findings.items }, () => findingsText(findings.items));
    });

  hardenOptions(server.command('harden <server>').description('bring a server to the baseline; a second time changes nothing')).action(
    async (name: string, flags: HardenFlags, command: Command) => {
      const common = commonOf(command);
      const run = await finishRun(common, await api<RunView>(`${path(name)}/harden`, { method: 'POST', body: hardenBody(flags) }));
      if (flags.plan === true) await showPlan(common, run, `kip server harden ${name}`);
      else tellChanges(common, run, `server ${name}`);
    },
  );

  server
    .command('undo <server>')
    .description('take back what Kipper changed; what a person changed since is left and named')
    .option('--control <id>', 'only this control (repeatable)', collect)
    .option('--force', 'also where somebody changed it since')
    .option('--plan', 'show what would be undone; change nothing')
    .action(async (name: string, flags: { control?: string[]; force?: boolean; plan?: boolean }, command: Command) => {
      const common = commonOf(command);
      if (flags.plan !== true)
        await confirm(
          common,
          `Undo ${flags.control === undefined ? 'everything that Kipper changed' : flags.control.join(', ')} on ${name}?`,
        );
      const body = { controls: flags.control ?? null, force: flags.force ?? false, planOnly: flags.plan ?? false };
      const run = await finishRun(common, await api<RunView>(`${path(name)}/undo`, { method: 'POST', body }));
      if (flags.plan === true) await showPlan(common, run, `kip server undo ${name}`);
      else tellChanges(common, run, `undo on ${name}`);
    });

  server
    .command('remove <server>')
    .description('forget a server; what stays on it is said')
    .option('--force', 'also while its cluster or our changes stand on it, or it cannot be reached')
    .action(async (name: string, flags: { force?: boolean }, command: Command) => {
      const common = commonOf(command);
      await confirmName(common, name, `Kipper forgets server ${name}, its keys and its place in the record.`);
      const removed = await api<{ name: string; staysBehind: string[]; command: string | null }>(
        `${path(name)}${flags.force === true ? '?force=1' : ''}`,
        { method: 'DELETE' },
      );
      answer(common, removed, () =>
        [
          `server ${removed.name} is forgotten`,
          ...removed.staysBehind.map((one) => `  stays on the machine: ${one}`),
          ...(removed.command === null ? [] : [`  to clean it, on the machine: ${removed.command}`]),
        ].join('\n'),
      );
    });
}

export async function listServers(): Promise<ServerView[]> {
  return (await api<{ items: ServerView[] }>('/v1/servers?limit=200')).items;
}

async function inviteAgain(common: Common, known: ServerView): Promise<Invited> {
  const replace = known.state === 'enrolled';
  if (replace) {
    say(common, `${known.name} is enrolled with:\n${known.hostKeys.map((key) => `  ${key.fingerprint} (${key.algorithm})`).join('\n')}`);
    await confirm(common, 'Was the machine installed anew, so that other host keys may take their place?');
  }
  return api<Invited>(`${path(known.name)}/enrolments`, { method: 'POST', body: { replace } });
}

function inviteText({ server, enrolment }: Invited): string {
  return [
    `On ${server.name}, paste this line (once, before ${when(enrolment.expiresAtMs)} UTC):`,
    '',
    `  ${enrolment.line ?? '(enrolled over ssh)'}`,
    '',
    `The script's SHA-256 is ${enrolment.scriptSha256}. To read it first:`,
    '',
    `  ${enrolment.check ?? ''}`,
  ].join('\n');
}

function serverText(one: ServerView): string {
  return card([
    ['server', one.name],
    ['id', one.id],
    ['state', stateOf(one)],
    ['why', one.unreachable?.sentence],
    ['next step', one.unreachable?.hint],
    ['address', one.address === null ? null : `${one.address}${one.port === null ? '' : ` port ${one.port}`}`],
    [
      'system',
      one.facts === null
        ? null
        : [one.facts['osId'], one.facts['osVersion'], one.facts['arch']].filter((fact) => typeof fact === 'string').join(' '),
    ],
    ['hardened', when(one.hardenedAtMs)],
    ['seen', when(one.lastSeenAtMs)],
    ...one.hostKeys.map((key): [string, string] => ['host key', `${key.fingerprint} (${key.algorithm})`]),
  ]);
}

export function findingsText(items: FindingView[]): string {
  if (items.length === 0) return 'no findings';
  return items
    .map(
      (one) =>
        `${one.severity.toUpperCase().padEnd(8)}  ${one.title}${one.remedy === 'fixable' ? '  (kip server harden fixes it)' : ''}\n          ${one.evidence}\n          next: ${one.hint}`,
    )
    .join('\n');
}
