import { type SshdFacts, sshdDropin, sshdValues } from '../server/sshd.ts';
import type { ServerFacts } from '../server/facts.ts';
import { ownAccount } from './logins.ts';

/**
 * What the `Match User kipper` block may hold besides local forwarding. In a Match block AllowUsers and AllowGroups replace
 * the global lists for kipper alone, so that a list of the owner's is never joined, and never comes to be by us.
 */
const exceptions: readonly { keyword: string; line: string; needed: (values: readonly string[]) => boolean }[] = [
  { keyword: 'disableforwarding', line: 'DisableForwarding no', needed: ([value]) => value === 'yes' },
  { keyword: 'pubkeyauthentication', line: 'PubkeyAuthentication yes', needed: ([value]) => value === 'no' },
  { keyword: 'allowusers', line: `AllowUsers ${ownAccount}`, needed: (values) => values.length > 0 },
  { keyword: 'allowgroups', line: `AllowGroups ${ownAccount}`, needed: (values) => values.length > 0 },
  { keyword: 'forcecommand', line: 'ForceCommand none', needed: ([value]) => value !== undefined && value !== 'none' },
  { keyword: 'chrootdirectory', line: 'ChrootDirectory none', needed: ([value]) => value !== undefined && value !== 'none' },
  {
    keyword: 'authenticationmethods',
    line: 'AuthenticationMethods publickey',
    needed: ([value]) => value !== undefined && value !== 'any',
  },
  {
    keyword: 'authorizedkeysfile',
    line: 'AuthorizedKeysFile .ssh/authorized_keys',
    needed: ([value]) => value !== undefined && value !== '.ssh/authorized_keys',
  },
];

/** The block that lets us in: the exceptions that stand in our drop-in since enrolment, and those that are needed now. */
export function ownMatch(facts: ServerFacts): string[] {
  const standing = standingLines(facts.ownFiles[sshdDropin] ?? []);
  const lines = exceptions.filter((each) => standing.has(each.line.toLowerCase()) || each.needed(valuesOf(facts.sshd, each.keyword)));
  return [`Match User ${ownAccount}`, '\tAllowTcpForwarding local', ...lines.map((each) => `\t${each.line}`)];
}

const valuesOf = (sshd: SshdFacts, keyword: string) => sshdValues(sshd, keyword, ownAccount);

/** Lines of our block, lower-case, with single blanks. */
function standingLines(dropin: readonly string[]): Set<string> {
  const plain = dropin.map((line) =>
    line
      .trim()
      .toLowerCase()
      .replaceAll(/[\s=]+/g, ' '),
  );
  const start = plain.indexOf(`match user ${ownAccount}`);
  const rest = start < 0 ? [] : plain.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith('match '));
  return new Set(end < 0 ? rest : rest.slice(0, end));
}
