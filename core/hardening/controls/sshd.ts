import type { Finding } from '../../control.ts';
import type { Step } from '../../plan.ts';
import type { ServerFacts } from '../../server/facts.ts';
import { meaningful } from '../../server/reading.ts';
import { sshdDropin, sshdValue } from '../../server/sshd.ts';
import { type Logins, loginsOf, ownAccount, passwordsAreOff } from '../logins.ts';
import { sshPorts } from '../ports.ts';
import { sshdFile } from '../sshd-text.ts';
import { sshd as sshdStep } from '../steps.ts';
import { finding, type HardeningControl, type HardenWish } from '../wish.ts';

/** Whether the file that carries our settings holds them already. */
function inPlace(facts: ServerFacts, logins: Logins): boolean {
  const file = sshdFile(facts, logins);
  if (file === null) return true;
  if (file.path !== sshdDropin) return facts.sshd.mainText === file.text;
  return facts.ownFiles[sshdDropin]?.join('\n') === meaningful(file.text).join('\n');
}

const strict: readonly [keyword: string, holds: (value: string) => boolean, wanted: string][] = [
  ['permitemptypasswords', (value) => value === 'no', 'no'],
  ['maxauthtries', (value) => Number(value) <= 4, '4 or less'],
  ['logingracetime', (value) => Number(value) > 0 && Number(value) <= 30, '30 s or less'],
  ['x11forwarding', (value) => value === 'no', 'no'],
  ['allowagentforwarding', (value) => value === 'no', 'no'],
  ['maxstartups', (value) => Number(value.split(':')[2] ?? value) <= 60, '10:30:60'],
];

function weak(facts: ServerFacts): string[] {
  return strict.flatMap(([keyword, holds, wanted]) => {
    const value = sshdValue(facts.sshd, keyword);
    return value === null || holds(value) ? [] : [`${keyword} is ${value}, wanted ${wanted}`];
  });
}

function copyLine(facts: ServerFacts, name: string): string {
  const port = facts.network.connection?.port ?? sshPorts(facts)[0] ?? 22;
  const address = facts.network.connection?.address ?? facts.network.addresses.find((each) => each.scope === 'global')?.address ?? facts.hostname;
  return `ssh-copy-id -p ${port} ${name}@${address}`;
}

function passwords(facts: ServerFacts, logins: Logins): Finding[] {
  if (logins.passwordsCanGo) {
    return passwordsAreOff(facts.sshd) ? [] : [finding(control, { title: 'SSH takes passwords', evidence: 'PasswordAuthentication or KbdInteractiveAuthentication is on; every account that can log in has a key', hint: 'Kipper switches password login off' })];
  }
  const perAccount = logins.needKey.map((account) =>
    finding(control, {
      title: `SSH keeps taking passwords: ${account.name} has no key`,
      evidence: `${account.name} can log in with its password and has no usable key${account.keys.length > 0 ? ` (${account.keys.map((file) => `${file.path}: ${file.open} open, ${file.bound} bound${file.safe ? '' : ', writable by others'}`).join('; ')})` : ''}`,
      hint: `${copyLine(facts, account.name)}   then harden again; or give the login up with --drop-login ${account.name}`,
      remedy: 'owner',
    }),
  );
  const general = logins.reasons.map((reason) => finding(control, { title: 'SSH keeps taking passwords', evidence: reason, hint: 'switch password login off yourself once every account has a key', remedy: 'owner' }));
  return [...perAccount, ...general];
}

function assess(facts: ServerFacts, wish: HardenWish): Finding[] {
  if (!facts.sshd.answered) {
    return [finding(control, { evidence: '`sshd -T` gave no configuration', hint: 'run `sshd -t` on the server: it says what is wrong', remedy: 'owner' })];
  }
  const logins = loginsOf(facts, wish.dropLogins);
  const done = inPlace(facts, logins);
  const found = [...weak(facts), ...(done ? [] : ["Kipper's settings are not in place"])];
  const forwarding = facts.sshd.users[ownAccount]?.['allowtcpforwarding']?.[0];
  const hint = done ? 'another line of sshd_config comes first: see `sshd -T` and remove it' : 'Kipper writes them, and proves the login on a new connection before they stay';
  return [
    ...passwords(facts, logins),
    ...(found.length === 0 ? [] : [finding(control, { title: 'SSH is looser than it needs to be', severity: 'medium', evidence: found.join('; '), hint, remedy: done ? 'owner' : 'fixable' })]),
    ...(done && forwarding === 'no'
      ? [finding(control, { title: 'SSH forwarding is off for kipper', evidence: `a Match block sets AllowTcpForwarding no for ${ownAccount}`, hint: `except ${ownAccount} from it: the cluster is reached through 127.0.0.1:6443`, remedy: 'owner' })]
      : []),
  ];
}

function plan(facts: ServerFacts, wish: HardenWish): Step[] {
  if (!facts.sshd.answered) return [];
  const logins = loginsOf(facts, wish.dropLogins);
  const file = sshdFile(facts, logins);
  if (file === null || inPlace(facts, logins)) return [];
  const what = logins.passwordsCanGo ? 'keys only and limits' : 'limits (password login stays)';
  return [sshdStep({ id: `${control.id}/config`, control: control.id, title: `set SSH in ${file.path}: ${what}; ${logins.keep.join(', ')} keep their login` }, file.path, file.text, logins.keep)];
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
