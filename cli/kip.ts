import { Command } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { Fault } from '../core/fault.ts';
import { api } from './api.ts';
import { appCommands } from './commands/apps.ts';
import { artefactCommands } from './commands/artefacts.ts';
import { clusterCommands } from './commands/clusters.ts';
import { completionCommand } from './commands/completion.ts';
import { installCommand } from './commands/install.ts';
import { projectCommands } from './commands/projects.ts';
import { runCommands } from './commands/runs.ts';
import { serverCommands } from './commands/servers.ts';
import { signInCommands, type Me } from './commands/sign-in.ts';
import { giveExamples } from './examples.ts';
import { collect } from './program.ts';

/** The whole tree of commands; nothing is read or opened until one is parsed. */
export function makeProgram(): Command {
  const program = new Command('kip')
    .description('Kipper: hardened clusters on your own servers, and apps on them')
    .version(manifest.version, '-V, --version', 'print the version')
    .option('--json', 'answer with the exact JSON of the API')
    .option('--quiet', 'only the answer itself')
    .option('--yes', 'agree to what would be asked')
    .option('--org <org>', 'organization, by name or id: refuses when you are in another one')
    .option('--project <project>', 'project (default: default)')
    .option('--env <env>', 'environment (default: production); for app deploy also KEY=VALUE, repeatable', collect)
    .option('--cluster <cluster>', 'cluster (default: the one of kip cluster use)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nFirst steps:\n  kip login\n  kip install --host 203.0.113.7\n  kip app deploy --name web --image IMAGE --port PORT',
    );
  signInCommands(program);
  serverCommands(program);
  installCommand(program);
  clusterCommands(program);
  projectCommands(program);
  appCommands(program);
  runCommands(program);
  artefactCommands(program);
  completionCommand(program);
  giveExamples(program);
  program.hook('preAction', async () => {
    const { org } = program.opts<{ org?: string }>();
    if (org !== undefined) await demandOrganization(org);
  });
  return program;
}

async function demandOrganization(org: string): Promise<void> {
  const { organization } = await api<Me>('/v1/me');
  if (org === organization.id || org === organization.name) return;
  throw new Fault('not_found', {
    message: `you are signed in to the organization ${organization.name}, not ${org}`,
    field: '--org',
    hint: 'leave out --org, or sign in as somebody of that organization: kip login',
  });
}
