import type { Finding } from '../../control.ts';
import type { Step } from '../../plan.ts';
import type { ServerFacts } from '../../server/facts.ts';
import { meaningful } from '../../server/reading.ts';
import { readsDropin, sshdDropin, sshdMain, sshdValue } from '../../server/sshd.ts';
import { type Logins, loginsOf, ownAccount, passwordsAreOff } from '../logins.ts';
import { sshPorts } from '../ports.ts';
import { inTheWay, mainMode, mainWithInclude, provable, sshdText } from '../sshd-text.ts';
import { sshd as sshdStep, textFile } from '../steps.ts';
import { finding, type HardeningControl, type HardenWish } from '../wish.ts';

/** Whether our drop-in stands as it should and is read. */
function inPlace(facts: ServerFacts, logins: Logins): boolean {
  return mainWithInclude(facts) === null && facts.ownFiles[sshdDropin]?.join('\n') === meaningful(sshdText(facts, logins)).join('\n');
}

/** An Include that stands in a Match block, or that we could not read: nothing we can mend. */
const outOfReach = (facts: ServerFacts) => !readsDropin(facts.sshd) && mainWithInclude(facts) === null;

const strict: readonly [keyword: string, holds: (value: string) => boolean, wanted: string][] = [
  ['permitemptypasswords', (value) => value === 'no', 'no'],
  ['maxauthtries', (value) => Number(value) <= 4, '4 or less'],
  ['logingracetime', (value) => Number(value) > 0 && Number(value) <= 30, '30 s or less'],
  ['x11forwarding', (value) => value === 'no', 'no'],
  ['allowagentforwarding', (value) => value === 'no', 'no'],
  ['maxstartups', (value) => Number(value.split(':')[2] ?? value) <= 60, '10:30:60'],
];

function weak(facts: ServerFacts): string[] {
  const names = [undefined, ...Object.keys(facts.sshd.users)];
  return strict.flatMap(([keyword, holds, wanted]) => {
    const all = sshdValue(facts.sshd, keyword);
    return names.flatMap((name) => {
      const value = sshdValue(facts.sshd, keyword, name);
      if (value === null || holds(value) || (name !== undefined && value === all)) return [];
      return [`${keyword} is ${value}${name === undefined ? '' : ` for ${name}`}, wanted ${wanted}`];
    });
  });
}

function copyLine(facts: ServerFacts, name: string): string {
  const port = facts.network.connection?.port ?? sshPorts(facts)[0] ?? 22;
  const address =
    facts.network.connection?.address ?? facts.network.addresses.find((each) => each.scope === 'global')?.address ?? facts.hostname;
  return `ssh-copy-id -p ${port} ${name}@${address}`;
}

function passwords(facts: ServerFacts, logins: Logins): Finding[] {
  if (logins.passwordsCanGo) {
    if (passwordsAreOff(facts.sshd)) return [];
    const done = inPlace(facts, logins);
    const evidence = `PasswordAuthentication or KbdInteractiveAuthentication is on${done ? ' by a line that Kipper cannot overrule' : '; every account that can log in has a key'}`;
    return [
      finding(control, {
        title: 'SSH takes passwords',
        evidence,
        hint: done ? 'remove the line: see the Match blocks and first lines of sshd_config' : 'Kipper switches password login off',
        remedy: done ? 'owner' : 'fixable',
      }),
    ];
  }
  const perAccount = logins.needKey.map((account) =>
    finding(control, {
      title: `SSH keeps taking passwords: ${account.name} has no key`,
      evidence: `${account.name} can log in with its password and has no usable key${account.keys.length > 0 ? ` (${account.keys.map((file) => `${file.path}: ${file.open} open, ${file.bound} bound${file.safe ? '' : ', writable by others'}`).join('; ')})` : ''}`,
      hint: `${copyLine(facts, account.name)}   then harden again; or give the login up with --drop-login ${account.name}`,
      remedy: 'owner',
    }),
  );
  const general = logins.reasons.map((reason) =>
    finding(control, {
      title: 'SSH keeps taking passwords',
      evidence: reason,
      hint: 'switch password login off yourself once every account has a key',
      remedy: 'owner',
    }),
  );
  return [...perAccount, ...general];
}

/** What keeps our settings from holding, for the owner to clear away. */
function obstacles(facts: ServerFacts, logins: Logins): Finding[] {
  const lines = inTheWay(facts, logins);
  const forwarding = inPlace(facts, logins) ? sshdValue(facts.sshd, 'allowtcpforwarding', ownAccount) : null;
  return [
    ...(lines.length === 0
      ? []
      : [
          finding(control, {
            title: "lines of sshd_config come before Kipper's",
            severity: 'medium',
            evidence: lines.join('; '),
            hint: 'remove them, or set them as wanted, and harden again',
            remedy: 'owner',
          }),
        ]),
    ...(outOfReach(facts)
      ? [
          finding(control, {
            title: 'sshd does not read drop-in files',
            severity: 'medium',
            evidence: 'sshd_config includes its drop-in folder only inside a Match block',
            hint: `put \`Include ${sshdDropin}\` at its top and harden again`,
            remedy: 'owner',
          }),
        ]
      : []),
    ...(forwarding === 'no' || forwarding === 'remote'
      ? [
          finding(control, {
            title: 'SSH forwarding is off for kipper',
            evidence: `a Match block sets AllowTcpForwarding ${forwarding} for ${ownAccount}`,
            hint: `except ${ownAccount} from it: the cluster is reached through 127.0.0.1:6443`,
            remedy: 'owner',
          }),
        ]
      : []),
  ];
}

function assess(facts: ServerFacts, wish: HardenWish): Finding[] {
  if (!facts.sshd.answered) {
    return [
      finding(control, {
        evidence: '`sshd -T` gave no configuration',
        hint: 'run `sshd -t` on the server: it says what is wrong',
        remedy: 'owner',
      }),
    ];
  }
  const logins = loginsOf(facts, wish.dropLogins);
  const done = inPlace(facts, logins) || outOfReach(facts);
  const found = [...weak(facts), ...(done ? [] : ["Kipper's settings are not in place"])];
  const hint = done
    ? 'another line of sshd_config decides: see `sshd -T` and remove it'
    : 'Kipper writes them, and proves the login on a new connection before they stay';
  return [
    ...passwords(facts, logins),
    ...(found.length === 0
      ? []
      : [
          finding(control, {
            title: 'SSH is looser than it needs to be',
            severity: 'medium',
            evidence: found.join('; '),
            hint,
            remedy: done ? 'owner' : 'fixable',
          }),
        ]),
    ...obstacles(facts, logins),
  ];
}

function plan(facts: ServerFacts, wish: HardenWish): Step[] {
  if (!facts.sshd.answered || outOfReach(facts)) return [];
  const logins = loginsOf(facts, wish.dropLogins);
  if (inPlace(facts, logins)) return [];
  const named = (what: string, title: string) => ({ id: `${control.id}/${what}`, control: control.id, title });
  const main = mainWithInclude(facts);
  const what = logins.passwordsCanGo ? 'keys only and limits' : 'limits (password login stays)';
  return [
    ...(main === null
      ? []
      : [textFile(named('include', `include ${sshdDropin} at the top of ${sshdMain}`), sshdMain, main, mainMode(facts))]),
    sshdStep(
      named('config', `set SSH in ${sshdDropin}: ${what}; ${logins.keep.join(', ')} keep their login`),
      sshdDropin,
      sshdText(facts, logins),
      provable(facts, logins),
    ),
  ];
}

const control: HardeningControl = {
  id: 'sshd',
  title: 'SSH takes keys only, with limits',
  why: 'Passwords are guessed around the clock. Nobody who can log in is shut out: password login only goes when every such account has a key.',
  severity: 'high',
  standards: ['CIS Debian 12 5.1.13', 'CIS Debian 12 5.1.16'],
  optOut: 'noHarden',
  undo: 'the old configuration of sshd comes back, proved on a new connection',
  clusterNeeds: false,
  assess,
  plan,
};

export const sshd = control;
