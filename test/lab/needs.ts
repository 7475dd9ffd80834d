import { accessSync, constants } from 'node:fs';
import { run } from './shell.ts';

const tools: Record<string, string> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  zstd: 'zstd',
  ip: 'iproute2',
  nsenter: 'util-linux',
  'ssh-keygen': 'openssh-client',
  'dpkg-deb': 'dpkg',
};

function onPath(tool: string): boolean {
  const folders = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':');
  return folders.some((path) => {
    try {
      accessSync(`${path}/${tool}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const isRoot = (): boolean => process.getuid?.() === 0;

export function missingRoot(): string | undefined {
  return isRoot() ? undefined : 'The lab needs root, for namespaces and mounts: run the same command with sudo.';
}

/** Says in one sentence why the lab cannot run here; undefined when it can. Installs missing tools when root. */
export async function missingNeeds(say: (line: string) => void): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'The lab boots real Linux hosts and needs a Linux machine with systemd-nspawn.';
  const packages = Object.entries(tools).flatMap(([tool, name]) => (onPath(tool) ? [] : [name]));
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!isRoot()) {
    const first = packages.length > 0 ? ` first \`sudo ${install}\`, then` : '';
    return `The lab needs root, for namespaces and mounts:${first} run the same command with sudo.`;
  }
  if (packages.length === 0) return undefined;
  if (!onPath('apt-get')) return `The lab needs ${packages.join(', ')}; install them with this system's package manager.`;
  say(`Installing what the lab needs: ${packages.join(' ')}`);
  const done = await run('sh', ['-c', `apt-get update -qq && ${install}`], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  return done.code === 0
    ? undefined
    : `Could not install ${packages.join(' ')}; run \`apt-get update && ${install}\` and look at its output.`;
}
