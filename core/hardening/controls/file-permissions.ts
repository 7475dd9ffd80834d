import type { FileMode, ServerFacts } from '../../server/facts.ts';
import { attributes } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

interface Rule {
  path: RegExp;
  /** No bit beyond these. */
  most: number;
  groups: readonly string[];
}

const rules: readonly Rule[] = [
  { path: /^\/etc\/(?:passwd|group)-?$/, most: 0o644, groups: ['root'] },
  { path: /^\/etc\/g?shadow-?$/, most: 0o640, groups: ['root', 'shadow'] },
  { path: /^\/etc\/ssh\/ssh_host_[a-z0-9]+_key$/, most: 0o600, groups: ['root'] },
  { path: /^\/etc\/ssh\/sshd_config$/, most: 0o644, groups: ['root'] },
  { path: /^\/etc\/sudoers$/, most: 0o440, groups: ['root'] },
  { path: /^\/etc\/sudoers\.d$/, most: 0o755, groups: ['root'] },
  { path: /^\/etc\/crontab$/, most: 0o644, groups: ['root'] },
  { path: /^\/root$/, most: 0o750, groups: ['root'] },
  { path: /^\/root\/\.ssh$/, most: 0o700, groups: ['root'] },
  { path: /^\/root\/\.ssh\/authorized_keys$/, most: 0o600, groups: ['root'] },
];

interface Wrong {
  path: string;
  now: FileMode;
  mode: string;
  group: string;
}

/** Enterprise Linux gives its host keys to a group that only the signing helper is in. */
function allowed(rule: Rule, file: FileMode): boolean {
  const bits = Number.parseInt(file.mode, 8);
  if (file.group === 'ssh_keys' && rule.path.test('/etc/ssh/ssh_host_rsa_key')) return file.owner === 'root' && (bits & ~0o640) === 0;
  return file.owner === 'root' && rule.groups.includes(file.group) && (bits & ~rule.most) === 0;
}

function wrongIn(facts: ServerFacts): Wrong[] {
  return Object.entries(facts.files).flatMap(([path, now]): Wrong[] => {
    const rule = rules.find((each) => each.path.test(path));
    if (rule === undefined || !/^(?:regular|directory)/.test(now.kind) || allowed(rule, now)) return [];
    const mode = `0${(Number.parseInt(now.mode, 8) & rule.most).toString(8).padStart(3, '0')}`;
    return [{ path, now, mode, group: rule.groups.includes(now.group) ? now.group : 'root' }];
  });
}

const control: HardeningControl = {
  id: 'file-permissions',
  title: 'files that decide who may do what are closed to others',
  why: 'A readable shadow file or host key, or a writable account file, undoes every other control.',
  severity: 'high',
  standards: ['CIS Debian 12 7.1', 'CIS Debian 12 5.1.2'],
  optOut: 'noHarden',
  undo: 'the old owner, group and mode come back',
  clusterNeeds: false,
  assess: (facts) =>
    wrongIn(facts).map(({ path, now, mode, group }) =>
      finding(control, {
        title: `${path} is open to others`,
        evidence: `${path} is ${now.mode} ${now.owner}:${now.group}`,
        hint: `chown root:${group} ${path} && chmod ${mode} ${path}`,
      }),
    ),
  plan: (facts) =>
    wrongIn(facts).map(({ path, mode, group }) =>
      attributes(
        {
          id: `${control.id}${path.replaceAll(/[^A-Za-z0-9/._-]/g, '_')}`,
          control: control.id,
          title: `set ${path} to ${mode} root:${group}`,
        },
        path,
        'root',
        group,
        mode,
      ),
    ),
};

export const filePermissions = control;
