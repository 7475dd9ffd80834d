import { InvalidArgumentError, type Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { api, listAll, type List } from '../api.ts';
import { confirmName } from '../ask.ts';
import { readState } from '../config.ts';
import { answer, card, paint, say, table, when, type Common } from '../output.ts';
import { commonOf, noun, readEnv, whole } from '../program.ts';
import { demandSuccess, watchRun, type RunView } from '../watch.ts';

interface AppView {
  id: string;
  name: string;
  project: string;
  environment: string;
  cluster: string;
  url: string;
  certificate: string;
  curl: string;
  state: string;
  createdAtMs: number;
}

interface ReleaseView {
  number: number;
  state: string;
  spec: Record<string, unknown>;
  imageDigest: string | null;
  createdAtMs: number;
  fault: { message: string } | null;
}

interface Deployed {
  app: AppView;
  release: ReleaseView;
  run: RunView;
  advice: string[];
}

interface ReleasePlan {
  hash: string;
  steps: string[];
  objects: unknown[];
  advice: string[];
}

interface DeployFlags {
  name: string;
  image: string;
  port: number;
  securityHeaders: boolean;
  rateLimit?: number;
  cspAllow?: string[];
  domain?: string;
  replicas?: number;
  allowRoot?: boolean;
  pull?: boolean;
  plan?: boolean;
  wait: boolean;
}

const path = (app: string) => `/v1/apps/${encodeURIComponent(app)}`;

const commaList = (text: string): string[] => {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.some((entry) => entry === '')) throw new InvalidArgumentError('use a comma-separated list of domains');
  return entries;
};

export function appCommands(program: Command): void {
  const app = noun(program, 'app', 'the apps that run on your clusters');

  app
    .command('deploy')
    .description('deploy an app, or its next release')
    .requiredOption('--name <name>', 'name of the app')
    .requiredOption('--image <image>', 'image, with a tag or a digest')
    .requiredOption('--port <port>', 'port that the app listens on', whole(1, 65_535))
    .option('--no-security-headers', 'send no security headers of our own')
    .option('--rate-limit <n>', 'requests per second and client (default: 100)', whole(1, 100_000))
    .option('--csp-allow <domains>', 'domains that pages may load from, separated by commas', commaList)
    .option('--domain <name>', 'host name of the app (default: NAME-ENVIRONMENT.CLUSTER-DOMAIN)')
    .option('--replicas <n>', 'how many pods (default: 1)', whole(0, 50))
    .option('--allow-root', 'let it run as root: baseline instead of restricted')
    .option('--pull', 'pull the image again even if the node has it')
    .option('--plan', 'show the objects; create nothing')
    .option('--no-wait', 'do not wait until it is available')
    .addHelpText(
      'after',
      '\nVariables are given with --env KEY=VALUE (repeatable); --env NAME without = chooses the environment.\n\nExample:\n  kip app deploy --name web --image ghcr.io/you/web:1.4.2 --port 3000 --env LOG=info',
    )
    .action(async (flags: DeployFlags, command: Command) => {
      const common = commonOf(command);
      const { environment, variables } = readEnv(common);
      const body = {
        name: flags.name,
        ...(common.project === undefined ? {} : { project: common.project }),
        ...(environment === null ? {} : { environment }),
        cluster: common.cluster ?? readState().cluster,
        spec: specOf(flags, variables),
        plan: flags.plan ?? false,
      };
      await tellDeployed(common, flags.wait, await api<Deployed | ReleasePlan>('/v1/apps', { method: 'POST', body }));
    });

  app
    .command('update <app>')
    .description('the next release with another image')
    .requiredOption('--image <image>', 'image, with a tag or a digest')
    .option('--plan', 'show the objects; create nothing')
    .option('--no-wait', 'do not wait until it is available')
    .addHelpText('after', '\nExample:\n  kip app update web --image ghcr.io/you/web:1.5.0')
    .action(async (name: string, flags: { image: string; plan?: boolean; wait: boolean }, command: Command) => {
      const common = commonOf(command);
      const body = { spec: { image: flags.image }, plan: flags.plan ?? false };
      const { id } = await findApp(common, name);
      await tellDeployed(common, flags.wait, await api<Deployed | ReleasePlan>(`${path(id)}/releases`, { method: 'POST', body }));
    });

  app
    .command('ls')
    .description('list apps')
    .action(async (_flags: object, command: Command) => {
      const list = await listApps(commonOf(command));
      answer(commonOf(command), list, () =>
        table(
          ['name', 'project', 'env', 'cluster', 'url'],
          list.items.map((one) => [one.name, one.project, one.environment, one.cluster, one.url]),
          'no apps yet: kip app deploy --name NAME --image IMAGE --port PORT',
        ),
      );
    });

  app
    .command('show <app>')
    .description('an app and how to reach it')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const one = await findApp(common, name);
      const latest = common.json ? undefined : (await listReleases(one)).items.at(-1);
      answer(common, one, () => appText(one, latest));
    });

  app
    .command('releases <app>')
    .description('list the releases of an app')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const list = await listReleases(await findApp(common, name));
      answer(common, list, () =>
        table(
          ['release', 'state', 'image', 'digest', 'created'],
          list.items.map((one) => [
            String(one.number),
            one.state,
            String(one.spec['image']),
            one.imageDigest?.slice(0, 19) ?? '-',
            when(one.createdAtMs),
          ]),
          'no releases yet',
        ),
      );
    });

  app
    .command('rm <app>')
    .description('take an app off its cluster')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const one = await findApp(common, name);
      await confirmName(
        common,
        one.name,
        `App ${one.name} (${one.project}, ${one.environment}) stops answering; its releases stay in the record.`,
      );
      const run = await api<RunView>(path(one.id), { method: 'DELETE' });
      const ended = demandSuccess(await watchRun(common, run.id));
      answer(common, ended, () => `app ${one.name} is gone`);
    });
}

function specOf(flags: DeployFlags, env: Record<string, string>): Record<string, unknown> {
  return {
    image: flags.image,
    port: flags.port,
    env,
    securityHeaders: flags.securityHeaders,
    cspAllow: flags.cspAllow ?? [],
    allowRoot: flags.allowRoot ?? false,
    pull: flags.pull ?? false,
    ...(flags.rateLimit === undefined ? {} : { rateLimit: flags.rateLimit }),
    ...(flags.replicas === undefined ? {} : { replicas: flags.replicas }),
    ...(flags.domain === undefined ? {} : { domain: flags.domain }),
  };
}

async function tellDeployed(common: Common, wait: boolean, made: Deployed | ReleasePlan): Promise<void> {
  for (const advice of made.advice) say(common, `${paint('yellow', '!')} ${advice}`);
  if ('objects' in made)
    return answer(common, made, () =>
      [...made.steps, '', `plan hash  ${made.hash}`, '', ...made.objects.map((object) => JSON.stringify(object, null, 2))].join('\n'),
    );
  say(common, `release ${made.release.number} of ${made.app.name}, run ${made.run.id}`);
  if (!wait) return answer(common, made, () => [appText(made.app), '', `follow it: kip run watch ${made.run.id}`].join('\n'));
  const run = demandSuccess(await watchRun(common, made.run.id));
  const { items } = await listReleases(made.app);
  const release = items.find((one) => one.number === made.release.number) ?? made.release;
  answer(common, { ...made, release, run }, () => appText(made.app, release));
}

function listReleases(app: AppView): Promise<List<ReleaseView>> {
  return listAll<ReleaseView>(`${path(app.id)}/releases`);
}

/** Those of the named project, environment and cluster where such are named. */
async function listApps(common: Common): Promise<List<AppView>> {
  const { environment } = readEnv(common);
  const { items, next } = await listAll<AppView>('/v1/apps');
  const wanted = (one: AppView) =>
    [
      [common.project, one.project],
      [environment ?? undefined, one.environment],
      [common.cluster, one.cluster],
    ].every(([wish, is]) => wish === undefined || wish === is);
  return { items: items.filter(wanted), next };
}

/** An app by id or name. Where a project, environment or cluster is named it is looked for in there only. */
async function findApp(common: Common, name: string): Promise<AppView> {
  if (common.project === undefined && common.env.length === 0 && common.cluster === undefined) return api<AppView>(path(name));
  const [one, other] = (await listApps(common)).items.filter((app) => app.name === name || app.id === name);
  if (one === undefined) throw new Fault('not_found', { message: `there is no app ${name} in there`, hint: 'kip app ls' });
  if (other !== undefined)
    throw new Fault('conflict', { message: `several apps are called ${name}`, hint: 'name one by its id, from kip app ls --json' });
  return one;
}

function appText(one: AppView, latest?: ReleaseView): string {
  const trust =
    one.certificate === 'self-signed'
      ? ['', 'The certificate is self-signed until certificates are issued. This reaches the app now:', '', `  ${one.curl}`]
      : [];
  return [
    card([
      ['app', one.name],
      ['url', one.url],
      ['project', one.project],
      ['environment', one.environment],
      ['cluster', one.cluster],
      ['release', latest === undefined ? null : `${latest.number} (${latest.state})`],
      ['image', latest === undefined ? null : String(latest.spec['image'])],
      ['digest', latest?.imageDigest],
      ['failed with', latest?.fault?.message],
    ]),
    ...trust,
  ].join('\n');
}
