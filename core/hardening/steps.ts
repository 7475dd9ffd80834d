import type { FileStep, Guard, HostAction, ShellStep } from '../plan.ts';

const quickMs = 30_000;
const packageMs = 600_000;
const guardedMs = 180_000;

interface Named {
  id: string;
  control: string;
  title: string;
}

function shell(named: Named, action: HostAction, data: Record<string, string>, timeoutMs = quickMs, guard?: Guard): ShellStep {
  return { kind: 'shell', ...named, action, data, timeoutMs, ...(guard === undefined ? {} : { guard }) };
}

export function textFile(named: Named, path: string, text: string, mode = '0644'): FileStep {
  return { kind: 'file', ...named, path, owner: 'root', group: 'root', mode, content: { text }, timeoutMs: quickMs };
}

export type UnitEnable = 'enabled' | 'disabled' | 'masked' | 'keep';
export type UnitActive = 'started' | 'stopped' | 'restarted' | 'reloaded' | 'keep';

export function units(named: Named, names: readonly string[], enable: UnitEnable, active: UnitActive): ShellStep {
  return shell(named, 'unit', { unit: names.join(' '), enable, active }, 90_000);
}

export function daemonReload(named: Named): ShellStep {
  return shell(named, 'daemon_reload', { reason: named.title });
}

export function installPackage(control: string, name: string): ShellStep {
  return shell(
    { id: `${control}/package-${name}`, control, title: `install the package ${name}` },
    'package',
    { name, state: 'present' },
    packageMs,
  );
}

export function attributes(named: Named, path: string, owner: string, group: string, mode: string): ShellStep {
  return shell(named, 'attributes', { path, owner, group, mode });
}

export function kernelSetting(control: string, key: string, value: string): ShellStep {
  return shell({ id: `${control}/${key}`, control, title: `set ${key} to ${value}` }, 'sysctl', { key, value });
}

/** Ports separated by commas, sources by blanks: one rule for all ports, because each ufw call is a Python start. */
export function ufw(named: Named, ports: readonly number[], from: readonly string[]): ShellStep {
  return shell(named, 'ufw', { tcp: ports.join(','), from: from.join(' '), forward: 'accept' }, guardedMs, 'firewall');
}

/** `users` are the accounts that must be able to log in afterwards, separated by blanks. */
export function sshd(named: Named, path: string, content: string, users: readonly string[]): ShellStep {
  return shell(named, 'sshd', { path, content, users: users.join(' ') }, guardedMs, 'sshd');
}
