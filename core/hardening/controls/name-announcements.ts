import type { ServerFacts } from '../../server/facts.ts';
import { describeListener } from '../../server/listeners.ts';
import { meaningful } from '../../server/reading.ts';
import { isActive } from '../../server/units.ts';
import { textFile, units } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

const path = '/etc/systemd/resolved.conf.d/kipper.conf';
const text = '# Written by Kipper.\n[Resolve]\nLLMNR=no\nMulticastDNS=no\n';

const open = (facts: ServerFacts) =>
  facts.listeners.filter(
    (each) => each.scope !== 'loopback' && (each.port === 5355 || each.port === 5353) && each.units.includes('systemd-resolved.service'),
  );
const holds = (facts: ServerFacts) => facts.ownFiles[path]?.join('\n') === meaningful(text).join('\n');

const control: HardeningControl = {
  id: 'name-announcements',
  title: 'the resolver does not answer strangers',
  why: 'LLMNR and mDNS answer, and believe, anybody on the network.',
  severity: 'medium',
  standards: ['CIS Debian 12 2.1.22'],
  optOut: 'noHarden',
  undo: 'the file is removed and systemd-resolved restarted',
  clusterNeeds: false,
  assess: (facts) =>
    open(facts).length === 0
      ? []
      : [
          finding(control, {
            evidence: `systemd-resolved listens on ${open(facts).map(describeListener).join(', ')}`,
            hint: `Kipper writes ${path}`,
            remedy: holds(facts) ? 'owner' : 'fixable',
          }),
        ],
  plan: (facts) => {
    if (open(facts).length === 0 || holds(facts) || !isActive(facts.units, 'systemd-resolved.service')) return [];
    const named = (what: string, title: string) => ({ id: `${control.id}/${what}`, control: control.id, title });
    return [
      textFile(named('file', `switch LLMNR and mDNS off in ${path}`), path, text),
      units(named('restart', 'restart systemd-resolved'), ['systemd-resolved.service'], 'keep', 'restarted'),
    ];
  },
};

export const nameAnnouncements = control;
