import type { ServerFacts } from '../server/facts.ts';
import { readsDropins, sshdDropin, sshdMain, sshdValue } from '../server/sshd.ts';
import { type Logins, opensByKey, opensByPassword, ownAccount, ownerUses } from './logins.ts';

/** The most that each may be; what the owner set tighter stays. Zero means no limit to sshd where `zeroIsNone`. */
const limits = [
  { keyword: 'MaxAuthTries', most: 4, zeroIsNone: false },
  { keyword: 'LoginGraceTime', most: 30, zeroIsNone: true },
] as const;

function limit(facts: ServerFacts, { keyword, most, zeroIsNone }: (typeof limits)[number]): string {
  const now = Number(sshdValue(facts.sshd, keyword.toLowerCase()) ?? most);
  const tighter = Number.isInteger(now) && now < most && !(zeroIsNone && now === 0) && now >= 0;
  return `${keyword} ${tighter ? now : most}`;
}

/** `prohibit-password`, unless that would open what is shut or shut out a root who has no key. */
function rootLogin(facts: ServerFacts, logins: Logins): string[] {
  const now = sshdValue(facts.sshd, 'permitrootlogin');
  if (now === 'no' || now === 'forced-commands-only') return [];
  const root = facts.accounts.people.find((account) => account.uid === 0 && account.name === 'root');
  const wouldBeShutOut = root !== undefined && opensByPassword(root, facts.sshd) && !opensByKey(root, facts.sshd) && logins.needKey.includes(root);
  return wouldBeShutOut || (root !== undefined && needsSecondFactor(facts, logins)) ? [] : ['PermitRootLogin prohibit-password'];
}

function needsSecondFactor(facts: ServerFacts, logins: Logins): boolean {
  return now(facts) === 'yes' && logins.reasons.some((reason) => reason.startsWith('AuthenticationMethods'));
}

const now = (facts: ServerFacts) => sshdValue(facts.sshd, 'permitrootlogin');

function globalLines(facts: ServerFacts, logins: Logins): string[] {
  return [
    ...(logins.passwordsCanGo ? ['PasswordAuthentication no', 'KbdInteractiveAuthentication no'] : []),
    ...rootLogin(facts, logins),
    'PermitEmptyPasswords no',
    ...limits.map((each) => limit(facts, each)),
    'MaxStartups 10:30:60',
    'ClientAliveInterval 300',
    'ClientAliveCountMax 2',
    'X11Forwarding no',
    'AllowAgentForwarding no',
    'LogLevel VERBOSE',
    // These lists accumulate over files: a line of ours adds to the owner's, but alone would shut out everybody else.
    ...(ownerUses(facts.sshd, 'allowusers') ? [`AllowUsers ${ownAccount}`] : []),
    ...(ownerUses(facts.sshd, 'allowgroups') ? [`AllowGroups ${ownAccount}`] : []),
  ];
}

const matchLines = [`Match User ${ownAccount}`, '\tAllowTcpForwarding local'];
const header = '# Written by Kipper; what stands here comes first and so decides. kip server undo --control sshd takes it back.';
const top = { begin: '# BEGIN kipper', end: '# END kipper' };
const bottom = { begin: '# BEGIN kipper account', end: '# END kipper account' };

export interface SshdFile {
  path: string;
  text: string;
}

/** The file that carries our settings: a drop-in, or where those are not read, the main file with a block at its top and its end. */
export function sshdFile(facts: ServerFacts, logins: Logins): SshdFile | null {
  const lines = globalLines(facts, logins);
  if (readsDropins(facts.sshd)) return { path: sshdDropin, text: `${[header, ...lines, ...matchLines].join('\n')}\n` };
  const main = facts.sshd.mainText;
  if (main === null) return null;
  const rest = cut(cut(main, bottom), top);
  // At the end, because a Match block swallows every line after it.
  return { path: sshdMain, text: `${[top.begin, header, ...lines, top.end].join('\n')}\n${rest}${[bottom.begin, ...matchLines, bottom.end].join('\n')}\n` };
}

function cut(text: string, mark: { begin: string; end: string }): string {
  const lines = text.split('\n');
  const [from, to] = [lines.indexOf(mark.begin), lines.indexOf(mark.end)];
  return from < 0 || to < from ? text : [...lines.slice(0, from), ...lines.slice(to + 1)].join('\n');
}
