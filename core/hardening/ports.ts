import type { ServerFacts } from '../server/facts.ts';
import { configuredPorts } from '../server/sshd.ts';

export const podNetwork = '10.42.0.0/16';
export const serviceNetwork = '10.43.0.0/16';
const clusterPorts = [80, 443, 6443];

/** Every port on which somebody may log in: in use by this session, configured, socket-activated, or held by sshd. */
export function sshPorts(facts: ServerFacts): number[] {
  const sockets = facts.sockets
    .filter((socket) => /^sshd?(?:@.*)?\.socket$/.test(socket.unit))
    .map((socket) => Number(socket.listen.slice(socket.listen.lastIndexOf(':') + 1)));
  const held = facts.listeners.filter(
    (each) => each.protocol === 'tcp' && (each.process === 'sshd' || each.units.some((unit) => /^sshd?\.(?:service|socket)$/.test(unit))),
  );
  const all = [
    facts.network.connection?.port ?? 0,
    ...configuredPorts(facts.sshd),
    ...sockets,
    ...held.filter((each) => each.scope !== 'loopback').map((each) => each.port),
  ];
  const ports = [...new Set(all)].filter((port) => Number.isInteger(port) && port > 0 && port < 65536);
  return ports.length === 0 ? [22] : ports.sort((a, b) => a - b);
}

/** The ports a firewall on this server has to leave open. */
export function neededPorts(facts: ServerFacts): number[] {
  return [...new Set([...sshPorts(facts), ...clusterPorts])];
}

const clusterNames = new Set(['rke2', 'microk8s', 'kubernetes']);

/** A cluster that Kipper did not install, if one is here: its networks and node ports are not ours to close. */
export function foreignCluster(facts: ServerFacts): string | null {
  if (facts.k3s === 'foreign') return 'a k3s that Kipper did not install';
  const found = facts.present.find((each) => clusterNames.has(each.name));
  return found === undefined ? null : `${found.name} (${found.path})`;
}
