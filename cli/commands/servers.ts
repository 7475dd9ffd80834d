import type { Command } from 'commander';
import { api, listAll, type List } from '../api.ts';
import { agrees, confirm, confirmName, interactive } from '../ask.ts';
import { answer, card, say, table, when, type Common } from '../output.ts';
import { collect, commonOf, hardenBody, hardenOptions, noun, whole, type HardenFlags } from '../program.ts';
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

interface InviteFlags {
  replace?: boolean;
  minutes?: number;
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
    .option('--replace', 'the machine was installed anew: other host keys may take the place of the pinned ones')
    .option('--minutes <n>', 'how long the line works (default: 15)', whole(5, 60))
    .addHelpText('after', '\nExample:\n  kip server invite web1')
    .action(async (name: string, flags: InviteFlags, command: Command) => {
      const common = commonOf(command);
      const { items } = await listServers();
      const known = items.find((one) => one.name === name || one.id === name);
      const minutes = flags.minutes === undefined ? {} : { minutes: flags.minutes };
      const invited =
        known === undefined
          ? await api<Invited>('/v1/servers', { method: 'POST', body: { name, ...minutes } })
          : await inviteAgain(common, known, flags, minutes);
      answer(common, invited, () => inviteText(invited));
    });

  server
    .command('ls')
    .description('list servers')
    .action(async (_flags: object, command: Command) => {
      const list = await listServers();
      answer(commonOf(command), list, () =>
        table(
          ['name', 'state', 'address', 'hardened', 'seen'],
          list.items.map((one) => [one.name, stateOf(one), one.address ?? '-', when(one.hardenedAtMs), when(one.lastSeenAtMs)]),
          'no servers yet: kip install --host ADDRESS, or kip server invite NAME',
        ),
      );
    });

  server
    .command('show <server>')
    .description('a server with its pinned host keys and findings')
    .action(async (name: string, _flags: object, command: Command) => {
      const one = await api<ServerView>(path(name));
      const findings = await listAll<FindingView>(`${path(name)}/findings`);
      answer(commonOf(command), { ...one, findings: findings.items }, () => [serverText(one), '', findingsText(findings.items)].join('\n'));
    });

  server
    .command('audit <server>')
    .description('look, change nothing, and tell the findings')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const run = await finishRun(common, await api<RunView>(`${path(name)}/audit`, { method: 'POST' }));
      const findings = await listAll<FindingView>(`${path(name)}/findings`);
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

export function listServers(): Promise<List<ServerView>> {
  return listAll<ServerView>('/v1/servers');
}

async function inviteAgain(common: Common, known: ServerView, flags: InviteFlags, minutes: object): Promise<Invited> {
  const replace = known.state === 'enrolled' ? await mayReplace(common, known, flags) : flags.replace === true;
  return api<Invited>(`${path(known.id)}/enrolments`, { method: 'POST', body: { replace, ...minutes } });
}

/** Only a person's yes, or --replace with one, lets other host keys take the place of pinned ones. */
async function mayReplace(common: Common, known: ServerView, flags: InviteFlags): Promise<boolean> {
  const question = 'Was the machine installed anew, so that other host keys may take their place?';
  say(common, `${known.name} is enrolled with these host keys:\n${keyLines(known)}`);
  if (flags.replace === true) {
    await confirm(common, question);
    return true;
  }
  if (!common.yes && interactive() && (await agrees(question, ''))) return true;
  say(common, 'The machine has to show one of them again; for one that was installed anew add --replace.');
  return false;
}

const keyLines = (server: ServerView) => server.hostKeys.map((key) => `  ${key.fingerprint} (${key.algorithm})`).join('\n');

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
