import { filePermissions } from './controls/file-permissions.ts';
import { firewall } from './controls/firewall.ts';
import { guard } from './controls/guard.ts';
import { kernel } from './controls/kernel.ts';
import { kernelForK3s } from './controls/kernel-for-k3s.ts';
import { nameAnnouncements } from './controls/name-announcements.ts';
import { securityUpdates } from './controls/security-updates.ts';
import { sshRootPassword } from './controls/ssh-root-password.ts';
import { sshd } from './controls/sshd.ts';
import { surplusServices } from './controls/surplus-services.ts';
import { timeSync } from './controls/time-sync.ts';
import type { HardeningControl } from './wish.ts';

/** One list for audit, dry run, fix, undo and the docs table; in the order in which they are applied. */
export const controls: readonly HardeningControl[] = [
  ...[surplusServices, nameAnnouncements, filePermissions, kernelForK3s, kernel],
  ...[securityUpdates, timeSync, guard, sshd, sshRootPassword, firewall],
];

export function controlOf(id: string): HardeningControl | undefined {
  return controls.find((control) => control.id === id);
}
