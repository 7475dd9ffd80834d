import type { ServerFacts } from '../../server/facts.ts';
import { meaningful } from '../../server/reading.ts';
import { isActive, isMasked, isThere } from '../../server/units.ts';
import { installPackage, textFile, units } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

const periodicPath = '/etc/apt/apt.conf.d/20auto-upgrades';
const periodicText = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n';
const rebootPath = '/etc/apt/apt.conf.d/52kipper';
const rebootText = '// Written by Kipper: a server reboots when a person says so.\nUnattended-Upgrade::Automatic-Reboot "false";\n';
const timers = ['apt-daily.timer', 'apt-daily-upgrade.timer'];

/** Any number of days but never. */
function isPeriodic(facts: ServerFacts): boolean {
  const lines = facts.ownFiles[periodicPath] ?? [];
  return ['Update-Package-Lists', 'Unattended-Upgrade'].every((key) =>
    lines.some((line) => new RegExp(`^\\s*APT::Periodic::${key}\\s+"(?:[1-9]\\d*|always)";`).test(line)),
  );
}

const rebootHolds = (facts: ServerFacts) => facts.ownFiles[rebootPath]?.join('\n') === meaningful(rebootText).join('\n');
const sleeping = (facts: ServerFacts) => timers.filter((timer) => isThere(facts.units, timer) && !isActive(facts.units, timer));

function wrong(facts: ServerFacts): string[] {
  return [
    ...(facts.packages.installed.includes('unattended-upgrades') ? [] : ['the package unattended-upgrades is not installed']),
    ...(isPeriodic(facts) ? [] : [`${periodicPath} does not switch them on`]),
    ...(rebootHolds(facts) ? [] : [`${rebootPath} is missing or differs`]),
    ...sleeping(facts).map((timer) => `${timer} is not active`),
  ];
}

const control: HardeningControl = {
  id: 'security-updates',
  title: 'security updates install themselves',
  why: 'Most servers fall to holes that had a fix. Updates never reboot the server by themselves.',
  severity: 'medium',
  standards: ['CIS Debian 12 1.2.2.1'],
  optOut: 'noHarden',
  undo: 'files and units as before; a package that Kipper brought is removed again',
  clusterNeeds: false,
  assess: (facts) => {
    if (facts.packages.manager !== 'apt') {
      return [
        finding(control, {
          evidence: 'this system has no apt',
          hint: 'set up its own automatic updates, such as dnf-automatic with upgrade_type = security',
          remedy: 'owner',
        }),
      ];
    }
    const masked = timers.filter((timer) => isMasked(facts.units, timer));
    const evidence = wrong(facts);
    return [
      ...(evidence.length > 0
        ? [
            finding(control, {
              evidence: evidence.join('; '),
              hint: 'Kipper installs and switches on unattended-upgrades, without automatic reboots',
            }),
          ]
        : []),
      ...(masked.length > 0
        ? [
            finding(control, {
              evidence: `somebody masked ${masked.join(' and ')}`,
              hint: `systemctl unmask --now ${masked.join(' ')}`,
              remedy: 'owner',
            }),
          ]
        : []),
    ];
  },
  plan: (facts) => {
    if (facts.packages.manager !== 'apt' || wrong(facts).length === 0) return [];
    const named = (what: string, title: string) => ({ id: `${control.id}/${what}`, control: control.id, title });
    const idle = sleeping(facts);
    return [
      ...(facts.packages.installed.includes('unattended-upgrades') ? [] : [installPackage(control.id, 'unattended-upgrades')]),
      ...(isPeriodic(facts)
        ? []
        : [textFile(named('periodic', `switch automatic security updates on in ${periodicPath}`), periodicPath, periodicText)]),
      ...(rebootHolds(facts) ? [] : [textFile(named('reboot', `never reboot by itself: ${rebootPath}`), rebootPath, rebootText)]),
      ...(idle.length === 0 ? [] : [units(named('timers', `start ${idle.join(' and ')}`), idle, 'enabled', 'started')]),
    ];
  },
};

export const securityUpdates = control;
