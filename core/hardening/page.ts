import { controls } from './controls.ts';
import { catalogue } from './catalogue.ts';

/** docs/controls.md, made from the same list that plans and audits. */
export function renderControlsPage(): string {
  const services = catalogue.filter((service) => service.verdict !== 'never');
  return [
    '# Controls',
    '',
    'What Kipper checks and changes on a server. Made by `bin/docs`; change `core/hardening/` instead.',
    '',
    '| control | severity | why | left alone by | undo | standards |',
    '|---|---|---|---|---|---|',
    ...controls.map(
      (each) =>
        `| \`${each.id}\`: ${each.title} | ${each.severity} | ${each.why} | ${each.optOut === 'noHarden' ? '`--no-harden`' : '`--no-firewall`'} | ${each.undo}${each.clusterNeeds ? '; a standing cluster needs it: `kip cluster remove` first' : ''} | ${each.standards.join(', ')} |`,
    ),
    '',
    '## Services that `surplus-services` knows',
    '',
    'What listens on loopback only is left alone. What is not in this table is reported and never touched; neither are SSH, DHCP clients, time clients, agents of cloud providers, VPNs and the cluster itself.',
    '',
    '| service | ports | units | what happens |',
    '|---|---|---|---|',
    ...services.map(
      (each) =>
        `| ${each.name} | ${each.ports.join(', ') || 'any'} | ${each.units.join(', ')} | ${each.verdict === 'automatic' ? 'stopped and masked' : 'reported: yours to decide'} |`,
    ),
    '',
  ].join('\n');
}
