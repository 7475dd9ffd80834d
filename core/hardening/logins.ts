import type { Account } from '../server/accounts.ts';
import type { ServerFacts } from '../server/facts.ts';
import { type SshdFacts, sshdValue, sshdValues } from '../server/sshd.ts';

/** The account that Kipper logs in with. */
export const ownAccount = 'kipper';

/** sshd_config patterns: `*` and `?` stand for anything, the part after `@` narrows the client and is not judged here. */
function matches(pattern: string, name: string): boolean {
  const user = pattern.replace(/^!/, '').split('@')[0] ?? '';
  const source = user
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}

/** Whether AllowUsers, AllowGroups and their opposites let an account in. */
export function isAdmitted(account: Account, sshd: SshdFacts): boolean {
  const list = (key: string) => sshdValues(sshd, key, account.name);
  const named = (key: string) => list(key).some((pattern) => !pattern.startsWith('!') && matches(pattern, account.name));
  const grouped = (key: string) => list(key).some((pattern) => account.groups.some((group) => matches(pattern, group)));
  if (list('denyusers').some((pattern) => !pattern.includes('@') && matches(pattern, account.name))) return false;
  if (list('allowusers').length > 0 && !named('allowusers')) return false;
  if (grouped('denygroups')) return false;
  return list('allowgroups').length === 0 || grouped('allowgroups');
}

function sshdSays(sshd: SshdFacts, key: string, account: Account, value: string): boolean {
  return sshdValue(sshd, key, account.name) === value;
}

/** Whether somebody could log in to this account now with nothing but its password. */
export function opensByPassword(account: Account, sshd: SshdFacts): boolean {
  if (account.name === ownAccount || account.expired || account.password === 'locked' || !isAdmitted(account, sshd)) return false;
  if (account.password === 'empty' && !sshdSays(sshd, 'permitemptypasswords', account, 'yes')) return false;
  if (account.uid === 0 && !sshdSays(sshd, 'permitrootlogin', account, 'yes')) return false;
  return sshdSays(sshd, 'passwordauthentication', account, 'yes') || sshdSays(sshd, 'kbdinteractiveauthentication', account, 'yes');
}

/** Whether a key opens this account: one without a bound command, in a file that sshd's StrictModes takes. */
export function opensByKey(account: Account, sshd: SshdFacts): boolean {
  if (account.expired || !isAdmitted(account, sshd) || sshdSays(sshd, 'pubkeyauthentication', account, 'no')) return false;
  if (account.uid === 0 && ['no', 'forced-commands-only'].includes(sshdValue(sshd, 'permitrootlogin', account.name) ?? '')) return false;
  return account.keys.some((file) => file.open > 0 && (file.safe || sshdSays(sshd, 'strictmodes', account, 'no')));
}

export interface Logins {
  /** Password login can be switched off without shutting anybody out who is not named with --drop-login. */
  passwordsCanGo: boolean;
  /** Accounts that only their password opens. */
  needKey: Account[];
  /** Why passwords stay, besides the accounts above. */
  reasons: string[];
  /** Somebody needs a password or code besides the key. */
  secondFactor: boolean;
  /** Accounts that can log in before and must be able to afterwards. */
  keep: string[];
}

export function loginsOf(facts: ServerFacts, dropLogins: readonly string[]): Logins {
  const { sshd } = facts;
  const kept = facts.accounts.people.filter((account) => !dropLogins.includes(account.name));
  const needKey = kept.filter((account) => opensByPassword(account, sshd) && !opensByKey(account, sshd));
  const names = ['', ...Object.keys(sshd.users)];
  const methods = names.flatMap((name) => sshdValues(sshd, 'authenticationmethods', name === '' ? undefined : name));
  const secondFactor = methods.some((method) => /password|keyboard-interactive/.test(method));
  const reasons = [
    ...(sshd.answered ? [] : ['sshd did not tell its configuration']),
    ...(facts.accounts.directories.length > 0
      ? [`accounts also come from ${facts.accounts.directories.join(', ')}, and they cannot be listed from here`]
      : []),
    ...(secondFactor ? ['AuthenticationMethods asks for a password or code besides the key'] : []),
  ];
  const byPassword = facts.accounts.people.some((account) => opensByPassword(account, sshd));
  const passwordsCanGo = needKey.length === 0 && (reasons.length === 0 || (!byPassword && passwordsAreOff(sshd)));
  const keep = kept.filter((account) => opensByKey(account, sshd) || (!passwordsCanGo && opensByPassword(account, sshd)));
  return {
    passwordsCanGo,
    needKey,
    reasons,
    secondFactor,
    keep: [...new Set([...keep.map((account) => account.name), ownAccount])].sort(),
  };
}

export function passwordsAreOff(sshd: SshdFacts): boolean {
  const off = (user?: string) =>
    sshdValue(sshd, 'passwordauthentication', user) === 'no' && sshdValue(sshd, 'kbdinteractiveauthentication', user) === 'no';
  return off() && Object.keys(sshd.users).every(off);
}
