import type { Finding } from '../control.ts';
import type { ServerFacts } from './facts.ts';

type Parts = Pick<Finding, 'title' | 'severity' | 'evidence' | 'hint'>;

function owners(control: string, parts: Parts): Finding {
  return { control, standards: [], remedy: 'owner', ...parts };
}

/** What stands out about a server and is nobody's control: the owner's to know or to mend. */
export function assessServer(facts: ServerFacts): Finding[] {
  return [...cluster(facts), ...packages(facts), ...disk(facts), ...unread(facts)];
}

function cluster(facts: ServerFacts): Finding[] {
  if (facts.k3s !== 'foreign') return [];
  const evidence = 'k3s is here without /etc/kipper/k3s.json';
  const hint = 'Kipper hardens this host and never reconfigures that cluster';
  return [owners('server-k3s', { title: 'a k3s that Kipper did not install', severity: 'info', evidence, hint })];
}

function packages(facts: ServerFacts): Finding[] {
  const { unfinished } = facts.packages;
  if (unfinished.length === 0) return [];
  const evidence = unfinished.map((each) => `${each.name} is ${each.state}`).join(', ');
  return [
    owners('server-packages', {
      title: 'packages are half installed',
      severity: 'medium',
      evidence,
      hint: 'finish them with: dpkg --configure -a',
    }),
  ];
}

const tightBytes = 1024 ** 3;

function disk(facts: ServerFacts): Finding[] {
  const first = facts.disks.find((each) => each.path !== '/tmp' && each.freeBytes < tightBytes);
  if (first === undefined) return [];
  const evidence = `${Math.floor(first.freeBytes / 1024 ** 2)} MiB are free at ${first.path}`;
  return [
    owners('server-disk', {
      title: 'the disk is nearly full',
      severity: 'high',
      evidence,
      hint: 'make room, for example with apt-get clean and journalctl --vacuum-size=100M',
    }),
  ];
}

function unread(facts: ServerFacts): Finding[] {
  if (facts.unread.length === 0) return [];
  const evidence = `${facts.unread.length} lines of \`ss -lntup\` have an unknown form: ${facts.unread.slice(0, 3).join(' / ')}`;
  return [
    owners('server-unread', {
      title: 'listeners that could not be read',
      severity: 'low',
      evidence,
      hint: 'look at them with ss -lntup, and report this with the line',
    }),
  ];
}
