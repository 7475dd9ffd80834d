import { InvalidArgumentError, type Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { domainName, serverName, unixUser } from '../../core/names.ts';
import { api, apiText } from '../api.ts';
import { accessSync, constants } from 'node:fs';
import { confirm } from '../ask.ts';
import { readState, writeState } from '../config.ts';
import { enrolOverSsh, type Enrolment } from '../enrol-over-ssh.ts';
import { answer, card, say, type Common } from '../output.ts';
import {
  commonOf,
  fingerprintArgument,
  hardenBody,
  hardenOptions,
  hostArgument,
  matching,
  whole,
  word,
  type HardenFlags,
} from '../program.ts';
import { finishRun } from '../run-and-show.ts';
import { refused, runAsRoot } from '../as-root.ts';
import { resolvedPlace, shownHostKey, type HostKey, type SshPlace } from '../ssh.ts';
import type { RunView } from '../watch.ts';
import type { ClusterView } from './clusters.ts';
import { listServers, type ServerView } from './servers.ts';

interface InstallFlags extends HardenFlags {
  host: string;
  user?: string;
  port?: number;
  identity?: string;
  hostKey?: string;
  domain?: string;
  name?: string;
  acceptArtifacts?: boolean;
}

const readable = matching(/^[^-][^\n]*$/, 'use the path of a private key');

/** ssh only warns about a key that it cannot read, and then tries others. */
function fileArgument(text: string): string {
  try {
    accessSync(readable(text), constants.R_OK);
  } catch (thrown) {
    throw thrown instanceof InvalidArgumentError ? thrown : new InvalidArgumentError('there is no such file that you may read');
  }
  return text;
}

export function installCommand(program: Command): void {
  const command = program
    .command('install')
    .description('turn a bare server into a hardened cluster, over your own ssh')
    .requiredOption('--host <address>', 'the server', hostArgument)
    .option('--user <user>', 'log in as; root or an account with sudo', word(unixUser))
    .option('--port <n>', 'SSH port', whole(1, 65_535))
    .option('--identity <file>', 'private key for your ssh', fileArgument)
    .option('--host-key <fingerprint>', 'the host key to accept: SHA256:…', fingerprintArgument)
    .option('--domain <name>', 'domain of the cluster (default: <dashed-ipv4>.sslip.io)', word(domainName))
    .option('--name <name>', 'name of the server and its cluster', word(serverName))
    .option('--accept-artifacts', 'accept artefacts without a known digest by their release’s checksum file');
  hardenOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  kip install --host 203.0.113.7 --user root\n\nYour ssh does the first contact; no credential of yours is sent to the control plane.',
    )
    .action(async (flags: InstallFlags, self: Command) => {
      const common = commonOf(self);
      const place = placeOf(flags);
      const name = flags.name ?? nameOf(flags.host);
      if (flags.plan === true) return planOnly(common, flags, place, name);
      const server = await enrolled(common, flags, place, name);
      await installOn(common, flags, server);
    });
}

/** The server's name where none is given: its address, as far as a name can hold it. */
function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 63);
}

function placeOf(flags: InstallFlags): SshPlace {
  return {
    host: flags.host,
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.identity === undefined ? {} : { identity: flags.identity }),
  };
}

/** The key that the server shows, after the person said that it is the right one. */
async function trustedKey(common: Common, flags: InstallFlags, place: SshPlace): Promise<HostKey> {
  const key = await shownHostKey(place, flags.hostKey ?? null);
  if (flags.hostKey !== undefined) return key;
  say(common, `${place.host} shows the host key ${key.fingerprint} (${key.algorithm}).`);
  if (common.yes)
    throw new Fault('invalid_input', {
      message: '--yes does not vouch for a host key',
      field: '--host-key',
      hint: `if it is the right one, add --host-key ${key.fingerprint}`,
    });
  await confirm(
    common,
    'Is that the key of your server? (its provider’s console can tell: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)',
  );
  return key;
}

async function enrolled(common: Common, flags: InstallFlags, place: SshPlace, name: string): Promise<ServerView> {
  const known = (await listServers()).items.find((one) => one.name === name);
  if (known?.state === 'enrolled') {
    say(common, `server ${name} is enrolled already`);
    return known;
  }
  const key = await trustedKey(common, flags, place);
  const body = { via: 'ssh' };
  const made =
    known === undefined
      ? await api<{ server: ServerView; enrolment: Enrolment }>('/v1/servers', { method: 'POST', body: { name, ...body } })
      : await api<{ server: ServerView; enrolment: Enrolment }>(`/v1/servers/${known.id}/enrolments`, { method: 'POST', body });
  say(common, `enrolling ${place.host} as ${name}`);
  await enrolOverSsh(common, place, key, made.enrolment);
  return api<ServerView>(`/v1/servers/${made.server.id}`);
}

async function installOn(common: Common, flags: InstallFlags, server: ServerView): Promise<void> {
  const body = {
    serverId: server.id,
    name: server.name,
    ...(flags.domain === undefined ? {} : { domain: flags.domain }),
    ...hardenBody(flags),
    ...(flags.acceptArtifacts === true ? { acceptArtifacts: true } : {}),
  };
  const made = await api<{ cluster: ClusterView; run: RunView }>('/v1/clusters', { method: 'POST', body });
  const run = await finishRun(common, made.run);
  const cluster = await api<ClusterView>(`/v1/clusters/${made.cluster.id}`);
  writeState({ ...readState(), cluster: cluster.name });
  answer(common, { server, cluster, run }, () =>
    [
      card([
        ['cluster', cluster.name],
        ['version', cluster.version],
        ['domain', cluster.domain],
        ['changes', String(run.result?.changed ?? 0)],
      ]),
      '',
      cluster.notice,
      '',
      'Next: kip app deploy --name web --image IMAGE --port PORT',
    ].join('\n'),
  );
}

interface ServerPlan {
  hash: string;
  steps: string[];
  refusals: { message: string; hint: string }[];
  findings: { title: string; detail: string }[];
  causes: { sentence: string; hint: string }[];
}

/** Looks through the person's ssh and asks for the plan; nothing is created, here or there. */
async function planOnly(common: Common, flags: InstallFlags, place: SshPlace, name: string): Promise<void> {
  const probe = await apiText('/v1/plans/probe');
  const key = await trustedKey(common, flags, place);
  const outcome = await runAsRoot(place, key, probe);
  if (outcome.exit !== 0) throw refused(place, outcome);
  const { address } = await resolvedPlace(place);
  const domain = flags.domain === undefined ? {} : { domain: flags.domain };
  const body = { facts: outcome.stdout, address, name, ...domain, ...hardenBody(flags) };
  const plan = await api<ServerPlan>('/v1/plans', { method: 'POST', body });
  answer(common, plan, () => planText(plan));
}

function planText(plan: ServerPlan): string {
  const part = (title: string, entries: [string, string][]) =>
    entries.length === 0 ? [] : ['', title, ...entries.map(([what, next]) => `  ${what}\n    ${next}`)];
  return [
    ...plan.steps.map((step, index) => `${String(index + 1).padStart(3)}  ${step}`),
    ...part('This would stop it:', [
      ...plan.refusals.map((one): [string, string] => [one.message, one.hint]),
      ...plan.causes.map((one): [string, string] => [one.sentence, one.hint]),
    ]),
    ...part(
      'Found:',
      plan.findings.map((one): [string, string] => [one.title, one.detail]),
    ),
    '',
    `plan hash  ${plan.hash}`,
    'apply it   the same command, with --plan-hash HASH in place of --plan',
  ].join('\n');
}
