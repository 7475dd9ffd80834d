import type { Command } from 'commander';
import { api, listAll } from '../api.ts';
import { answer, table, when } from '../output.ts';
import { commonOf, noun } from '../program.ts';

interface Named {
  id: string;
  name: string;
  createdAtMs: number;
}

const rows = (items: Named[]) => items.map((item) => [item.name, item.id, when(item.createdAtMs)]);

export function projectCommands(program: Command): void {
  const project = noun(program, 'project', 'projects keep apps of one purpose together');
  project
    .command('create <name>')
    .description('make a project')
    .addHelpText('after', '\nExample:\n  kip project create shop')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const made = await api<Named>('/v1/projects', { method: 'POST', body: { name } });
      answer(common, made, () => `project ${made.name} stands; next: kip env create production --project ${made.name}`);
    });
  project
    .command('ls')
    .description('list projects')
    .action(async (_flags: object, command: Command) => {
      const list = await listAll<Named>('/v1/projects');
      answer(commonOf(command), list, () => table(['name', 'id', 'created'], rows(list.items), 'no projects yet: kip project create NAME'));
    });

  const env = noun(program, 'env', 'environments of a project: each is a namespace of its own');
  env
    .command('create <name>')
    .description('make an environment')
    .addHelpText('after', '\nExample:\n  kip env create staging --project shop')
    .action(async (name: string, _flags: object, command: Command) => {
      const common = commonOf(command);
      const owner = common.project ?? 'default';
      const made = await api<Named>(`/v1/projects/${encodeURIComponent(owner)}/environments`, { method: 'POST', body: { name } });
      answer(common, made, () => `environment ${made.name} of ${owner} stands`);
    });
  env
    .command('ls')
    .description('list the environments of a project')
    .action(async (_flags: object, command: Command) => {
      const common = commonOf(command);
      const owner = common.project ?? 'default';
      const list = await listAll<Named>(`/v1/projects/${encodeURIComponent(owner)}/environments`);
      answer(common, list, () =>
        table(['name', 'id', 'created'], rows(list.items), `no environments yet: kip env create NAME --project ${owner}`),
      );
    });
}
