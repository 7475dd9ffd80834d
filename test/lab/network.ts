import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { must, run } from './shell.ts';

/** Address plan of lab N: bridge klabN with .1, hosts from .2 on. */
export interface Network {
  bridge: string;
  gateway: string;
  gateway6: string;
  address(index: number): { address: string; address6: string };
}

export function networkOf(number: number): Network {
  const prefix = `10.213.${number}`;
  const prefix6 = `fd6b:6970:7065:${number.toString(16)}:`;
  return {
    bridge: `klab${number}`,
    gateway: `${prefix}.1`,
    gateway6: `${prefix6}:1`,
    address: (index) => ({ address: `${prefix}.${index + 1}`, address6: `${prefix6}:${(index + 1).toString(16)}` }),
  };
}

/** Whether this machine already knows an address or a route of that /24, or the bridge's name. */
export async function isNetworkTaken(number: number): Promise<boolean> {
  const { bridge, gateway } = networkOf(number);
  const prefix = gateway.replace(/1$/, '');
  const known = await must('ip', ['-4', 'route', 'show', 'table', 'all']);
  return known.includes(prefix) || existsSync(`/sys/class/net/${bridge}`);
}

const rule = (bridge: string): string[] => ['pref', '30', 'iif', bridge, 'unreachable'];

export async function makeNetwork(number: number): Promise<void> {
  const { bridge, gateway, gateway6 } = networkOf(number);
  // A bridge without an address of its own takes that of one of its hosts, and changes it when that host goes.
  const mac = `02:6b:70:6c:61:${number.toString(16).padStart(2, '0')}`;
  await must('ip', ['link', 'add', bridge, 'address', mac, 'type', 'bridge', 'forward_delay', '0']);
  await must('ip', ['address', 'add', `${gateway}/24`, 'dev', bridge]);
  await run('ip', ['address', 'add', `${gateway6}/64`, 'dev', bridge, 'nodad']);
  await must('ip', ['link', 'set', bridge, 'up']);
  // A machine that forwards (one with Docker, say) would else carry the hosts' packets to its own networks.
  for (const family of ['-4', '-6']) await run('ip', [family, 'rule', 'add', ...rule(bridge)]);
  // With forwarding off the kernel drops such packets silently, and each attempt would wait for its timeout.
  writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/forwarding`, '1');
}

export async function removeNetwork(number: number): Promise<void> {
  const { bridge } = networkOf(number);
  for (const family of ['-4', '-6']) await run('ip', [family, 'rule', 'del', ...rule(bridge)]);
  if (!existsSync(`/sys/class/net/${bridge}`)) return;
  for (const port of readdirSync(`/sys/class/net/${bridge}/brif`)) await removeLink(port);
  await removeLink(bridge);
}

/** The kernel takes a dead host's interface away late, and until then its name is taken. */
export async function removeLink(name: string): Promise<void> {
  if (existsSync(`/sys/class/net/${name}`)) await run('ip', ['link', 'delete', name]);
}
