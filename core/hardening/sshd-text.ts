import type { ServerFacts } from '../server/facts.ts';
import { decidedBefore, readsDropin, sshdDropin, sshdMain, sshdValue } from '../server/sshd.ts';
import { type Logins, opensByKey, opensByPassword } from './logins.ts';
import { ownMatch } from './own-match.ts';

/** The most that each may be; what the owner set tighter stays. A LoginGraceTime of 0 means no limit to sshd. */
const limits = [
  { keyword: 'MaxAuthTries', least: 1, most: 4 },
  { keyword: 'LoginGraceTime', least: 1, most: 30 },
] as const;

function limit(facts: ServerFacts, { keyword, least, most }: (typeof limits)[number]): string {
  const now = Number(sshdValue(facts.sshd, keyword.toLowerCase()) ?? most);
  return `${keyword} ${Number.isInteger(now) && now >= least && now < most ? now : most}`;
}

/** `prohibit-password`, unless that would open what is shut or shut out a root who has no key. */
function rootLogin(facts: ServerFacts, logins: Logins): string[] {
  const now = sshdValue(facts.sshd, 'permitrootlogin');
  if (now === 'no' || now === 'forced-commands-only') return [];
  const root = logins.needKey.find((account) => account.uid === 0);
  const needsKey = root !== undefined && opensByPassword(root, facts.sshd) && !opensByKey(root, facts.sshd);
  return needsKey || (now === 'yes' && logins.secondFactor) ? [] : ['PermitRootLogin prohibit-password'];
}

function wanted(facts: ServerFacts, logins: Logins): string[] {
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
  ];
}

const keywordOf = (line: string) => line.split(' ')[0]?.toLowerCase() ?? '';
const header = '# Written by Kipper; what stands here comes first and so decides. kip server undo --control sshd takes it back.';

/** Our drop-in. A keyword that an earlier line decides is left out: it could not hold. */
export function sshdText(facts: ServerFacts, logins: Logins): string {
  const decided = new Set(decidedBefore(facts.sshd).map((each) => each.keyword));
  return `${[header, ...wanted(facts, logins).filter((line) => !decided.has(keywordOf(line))), ...ownMatch(facts)].join('\n')}\n`;
}

/** Lines of the owner that keep ours from holding. */
export function inTheWay(facts: ServerFacts, logins: Logins): string[] {
  const ours = new Map(wanted(facts, logins).map((line) => [keywordOf(line), line.toLowerCase()]));
  return decidedBefore(facts.sshd)
    .filter((each) => ours.has(each.keyword) && ours.get(each.keyword) !== each.line.toLowerCase().replaceAll(/[\s=]+/g, ' '))
    .map((each) => `${each.path}: ${each.line}`);
}

/** The main file with an Include of our drop-in alone: other drop-ins that were never read stay unread. Null when it has one. */
export function mainWithInclude(facts: ServerFacts): string | null {
  const { mainText } = facts.sshd;
  return readsDropin(facts.sshd) || mainText === null ? null : `Include ${sshdDropin}\n${mainText}`;
}

export function mainMode(facts: ServerFacts): string {
  return facts.files[sshdMain]?.mode ?? '0644';
}

/** Kept accounts that no Match block treats otherwise: for these `sshd -T -C` must show our values. */
export function provable(facts: ServerFacts, logins: Logins): string[] {
  const keywords = wanted(facts, logins).map(keywordOf);
  const treatedAlike = (name: string) =>
    keywords.every((keyword) => sshdValue(facts.sshd, keyword, name) === sshdValue(facts.sshd, keyword));
  return logins.keep.filter((name) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name) && treatedAlike(name));
}
