import type { ServerFacts } from './facts.ts';
import { causes, type Cause, type CauseName } from './causes.ts';

/** A cause by its name; one that an older record holds and we no longer know is `unknown`. */
export function causeOf(name: string): Cause {
  return isCause(name) ? { name, ...causes[name] } : { name: 'unknown', ...causes.unknown };
}

export function isCause(name: string): name is CauseName {
  return Object.hasOwn(causes, name);
}

/** What facts of a probed server show before anything fails: each would fail or hurt a later step. */
export function diagnose(facts: ServerFacts): CauseName[] {
  const mounted = (path: string, option: string) => facts.mounts.find((mount) => mount.path === path)?.options.includes(option) ?? false;
  const seen: Partial<Record<CauseName, boolean>> = {
    root_read_only: mounted('/', 'ro'),
    noexec_tmp: mounted('/tmp', 'noexec'),
    selinux_enforcing: facts.selinux === 'enforcing',
    cgroup_v1: facts.cgroup === 'v1',
    docker_present: facts.present.some((each) => each.name === 'docker'),
    k3s_foreign: facts.k3s === 'foreign',
    systemd_missing: !facts.systemd,
    disk_full: facts.disks.some((disk) => disk.freeBytes < 8 * 1024 * 1024),
  };
  return Object.entries(seen).flatMap(([name, holds]) => (holds && isCause(name) ? [name] : []));
}

/** The page docs/doctor.md. */
export function renderCauses(): string {
  const phases = [...new Set(Object.values(causes).map((cause) => cause.phase))];
  const parts = phases.map((phase) => {
    const rows = Object.entries(causes)
      .filter(([, cause]) => cause.phase === phase)
      .map(
        ([name, cause]) =>
          `| \`${name}\` |${phase === 'enrol' ? ` ${'exit' in cause ? cause.exit : ''} |` : ''} ${cell(cause.sentence)} | ${cell(cause.hint)} |`,
      );
    const head =
      phase === 'enrol'
        ? '| cause | exit code | what it means | next step |\n|---|---|---|---|'
        : '| cause | what it means | next step |\n|---|---|---|';
    return `## ${headings[phase]}\n\n${head}\n${rows.join('\n')}\n`;
  });
  return `# The doctor\n\nWhat can stand between Kipper and a server, by the name that \`kip server show\`, runs and the API give it.\nMade from \`core/server/causes.ts\` by \`bin/node bin/docs.ts\`; do not edit.\n\n${parts.join('\n')}`;
}

const headings: Readonly<Record<Cause['phase'], string>> = {
  enrol: 'While the enrolment script runs',
  connect: 'While the worker connects with our key',
  become_root: 'While it becomes root on the server',
  prepare: 'Before and while software is installed',
  install: 'Before k3s is installed',
};

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
