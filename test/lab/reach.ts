import { join } from 'node:path';
import type { Login } from './keys.ts';
import { type Result, type RunOptions, run } from './shell.ts';
import { type HostRecord, labFolder } from './state.ts';

const environment = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8', 'TERM=dumb'];

export function enterHost(leader: number, command: string, options: RunOptions = {}): Promise<Result> {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd'];
  const program = ['env', '-i', ...environment, '/bin/bash', '-c', command];
  return run('nsenter', ['--target', String(leader), ...namespaces, '--', ...program], options);
}

export function sshArguments(lab: number, host: HostRecord, login: Login, user = 'root'): string[] {
  const known = join(labFolder(lab), 'known_hosts');
  const options = [`UserKnownHostsFile=${known}`, 'StrictHostKeyChecking=yes', 'IdentitiesOnly=yes', 'LogLevel=ERROR', 'ConnectTimeout=10'];
  const config = ['-F', '/dev/null', ...options.flatMap((option) => ['-o', option])];
  return [...config, '-i', login.identity, '-p', String(host.port), `${user}@${host.address}`];
}
