import type { Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { api, listAll, type List } from '../api.ts';
import { confirmName } from '../ask.ts';
import { readState, writeState } from '../config.ts';
import { answer, card, say, table, when, type Common } from '../output.ts';
import { commonOf, hardenBody, hardenOptions, noun, type HardenFlags } from '../program.ts';
import { finishRun, showPlan, tellChanges } from '../run-and-show.ts';
import type { RunView } from '../watch.ts';

export interface ClusterView {
  id: string;
  name: string;
  serverId: string;
  state: string;
  server: string;
  domain: string;
  appUrl: string;
  curl: string;
  notice: string;
  version: string | null;
  installedAtMs: number | null;
}

const path = (cluster: string) => `/v1/clusters/${encodeURIComponent(cluster)}`;

export function clusterCommands(program: Command): void {
  const cluster = noun(program, 'cluster', 'Kubernetes on your servers');

  cluster
    .command('ls')
    .description('list clusters')
    .action(async (_flags: object, command: Command) => {
      const list = await listClusters();
      const current = readState().cluster;
      answer(commonOf(command), list, () =>
        table(
          ['name', 'state', 'version', 'domain', ''],
          list.items.map((one) => [one.name, one.state, one.version ?? '-', one.domain, one.name === current ? '(current)' : '']),
          'no clusters yet: kip install --host ADDRESS',
        ),
      );
    });

  cluster
    .command('use <cluster>')
    .description('the cluster that other commands mean')
    .action(async (name: string, _flags: object, command: Command) => {
      const one = await api<ClusterView>(path(name));
      writeState({ ...readState(), cluster: one.name });
      const common = commonOf(command);
      say(common, `using cluster ${one.name}`);
      if (common.json) answer(common, one, () => '');
    });

  cluster
    .command('show [cluster]')
    .description('a cluster')
    .action(async (name: string | undefined, _flags: object, command: Command) => {
      const common = commonOf(command);
      const one = await api<ClusterView>(path(await whichCluster(common, name)));
      answer(common, one, () =>
        [
          card([
            ['cluster', one.name],
            ['id', one.id],
            ['state', one.state],
            ['server', one.server],
            ['version', one.version],
            ['domain', one.domain],
            ['apps', one.appUrl],
            ['installed', when(one.installedAtMs)],
          ]),
          '',
          one.notice,
        ].join('\n'),
      );
    });

  hardenOptions(
    cluster.command('harden [cluster]').description('bring the server of a cluster to the baseline; a second time changes nothing'),
  )
    .addHelpText('after', '\nExample:\n  kip cluster harden --plan')
    .action(async (name: string | undefined, flags: HardenFlags, command: Command) => {
      const common = commonOf(command);
      const which = await whichCluster(common, name);
      const run = await finishRun(common, await api<RunView>(`${path(which)}/harden`, { method: 'POST', body: hardenBody(flags) }));
      if (flags.plan === true) await showPlan(common, run, `kip cluster harden ${which}`);
      else tellChanges(common, run, `cluster ${which}`);
    });

  cluster
    .command('remove <cluster>')
    .description('take a cluster off its server, which is left as before')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const one = await api<ClusterView>(path(name));
      await confirmName(
        common,
        one.name,
        `Cluster ${one.name} is taken off its server with every app, secret and volume on it. This cannot be undone.`,
      );
      const run = await finishRun(common, await api<RunView>(path(name), { method: 'DELETE', body: { name: one.name } }));
      const state = readState();
      if (state.cluster === one.name) writeState({ ...state, cluster: null });
      answer(common, run, () => `cluster ${one.name} is gone; the hardening stays: kip server undo takes it back`);
    });
}

export function listClusters(): Promise<List<ClusterView>> {
  return listAll<ClusterView>('/v1/clusters');
}

/** The named cluster, else --cluster, else the current one, else the only one. */
async function whichCluster(common: Common, named: string | undefined): Promise<string> {
  const wanted = named ?? common.cluster ?? readState().cluster;
  if (wanted !== null && wanted !== undefined) return wanted;
  const [first, second] = (await listClusters()).items;
  if (first === undefined) throw new Fault('not_found', { message: 'there is no cluster yet', hint: 'kip install --host ADDRESS' });
  if (second !== undefined)
    throw new Fault('invalid_input', {
      message: 'there is more than one cluster',
      field: '--cluster',
      hint: 'name one with --cluster, or choose it with kip cluster use',
    });
  return first.name;
}
