import { sshdValue } from '../../server/sshd.ts';
import { loginsOf } from '../logins.ts';
import { finding, type HardeningControl } from '../wish.ts';

const control: HardeningControl = {
  id: 'ssh-root-password',
  title: 'root cannot log in with a password',
  why: 'root is the one name that every guesser knows.',
  severity: 'high',
  standards: ['CIS Debian 12 5.1.20'],
  optOut: 'noHarden',
  undo: 'with the control sshd, whose file carries it',
  clusterNeeds: false,
  assess: (facts, wish) => {
    const value = sshdValue(facts.sshd, 'permitrootlogin', 'root');
    if (value !== 'yes') return [];
    const kept = loginsOf(facts, wish.dropLogins).needKey.some((account) => account.name === 'root');
    const hint = kept
      ? 'give root a key first (see the finding of the control sshd), or name it with --drop-login root'
      : 'the control sshd sets PermitRootLogin prohibit-password';
    return [finding(control, { evidence: 'PermitRootLogin is yes', hint, remedy: kept ? 'owner' : 'fixable' })];
  },
  // One file carries all of sshd's settings; a second step on it would be a second guarded reload.
  plan: () => [],
};

export const sshRootPassword = control;
