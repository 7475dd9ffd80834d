import type { Command } from 'commander';
import { api, type List } from '../api.ts';
import { answer, table } from '../output.ts';
import { commonOf, noun } from '../program.ts';

interface ArtefactView {
  name: string;
  version: string;
  arch: string;
  sha256: string | null;
  trust: string;
  stored: boolean;
}

export function artefactCommands(program: Command): void {
  noun(program, 'artefact', 'the files that installs use')
    .command('ls')
    .description('list them, with who vouches for their digest')
    .action(async (_flags: object, command: Command) => {
      const list = await api<List<ArtefactView>>('/v1/artefacts');
      answer(commonOf(command), list, () =>
        table(
          ['name', 'version', 'arch', 'trust', 'stored', 'sha256'],
          list.items.map((one) => [one.name, one.version, one.arch, one.trust, one.stored ? 'yes' : 'no', one.sha256 ?? '-']),
          'the catalogue is empty; name a file with KIPPER_ARTIFACTS',
        ),
      );
    });
}
