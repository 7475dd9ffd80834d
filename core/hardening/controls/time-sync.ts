import type { ServerFacts } from '../../server/facts.ts';
import { isActive, isMasked, isThere } from '../../server/units.ts';
import { installPackage, units } from '../steps.ts';
import { finding, type HardeningControl } from '../wish.ts';

const clients = [
  'systemd-timesyncd.service',
  'chrony.service',
  'chronyd.service',
  'ntp.service',
  'ntpd.service',
  'ntpsec.service',
  'openntpd.service',
];
const containers = new Set(['lxc', 'lxc-libvirt', 'systemd-nspawn', 'docker', 'podman', 'openvz', 'wsl', 'rkt', 'proot', 'pouch']);

/** A container's clock is the machine's: no client would start, and none is needed. */
const kept = (facts: ServerFacts) => containers.has(facts.virt) || clients.some((client) => isActive(facts.units, client));
const present = (facts: ServerFacts) => clients.find((client) => isThere(facts.units, client));
const canFix = (facts: ServerFacts) =>
  present(facts) !== undefined || (facts.packages.manager === 'apt' && !clients.some((client) => isMasked(facts.units, client)));

const control: HardeningControl = {
  id: 'time-sync',
  title: 'the clock is kept right',
  why: 'Certificates, tokens and logs are only as good as the clock.',
  severity: 'medium',
  standards: ['CIS Debian 12 2.3.1.1'],
  optOut: 'noHarden',
  undo: 'the unit is as before; a package that Kipper brought is removed again',
  clusterNeeds: false,
  assess: (facts) => {
    if (kept(facts)) return [];
    if (canFix(facts))
      return [
        finding(control, { evidence: 'no time client is active', hint: `Kipper starts ${present(facts) ?? 'systemd-timesyncd.service'}` }),
      ];
    return [
      finding(control, {
        evidence: 'no time client is active, and none can be had here',
        hint: 'install chrony and start it',
        remedy: 'owner',
      }),
    ];
  },
  plan: (facts) => {
    if (kept(facts) || !canFix(facts)) return [];
    const unit = present(facts);
    return [
      ...(unit === undefined ? [installPackage(control.id, 'systemd-timesyncd')] : []),
      units(
        { id: `${control.id}/unit`, control: control.id, title: `keep the clock right with ${unit ?? 'systemd-timesyncd.service'}` },
        [unit ?? 'systemd-timesyncd.service'],
        'enabled',
        'started',
      ),
    ];
  },
};

export const timeSync = control;
