import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export const shells: Record<string, string[]> = { dash: ['dash'], 'busybox ash': ['busybox', 'ash'], bash: ['bash'] };

export interface Sandbox {
  root: string;
  /** To be given to enrolmentScript. */
  place: { root: string; path: string; owner: string };
  command(name: string, text: string): void;
  run(shell: string[], script: string, options?: { args?: string[]; lines?: string }): Promise<Result>;
  remove(): void;
}

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * A root folder that the script takes for the machine's. sshd, curl and all of coreutils are real; what would change the
 * machine itself (accounts, units, owners) is replaced by commands that act inside the folder.
 */
export function makeSandbox(): Sandbox {
  const root = mkdtempSync(join(tmpdir(), 'kipper-root-'));
  const bin = join(root, 'commands');
  for (const folder of ['commands', 'etc/ssh/sshd_config.d', 'etc/sudoers.d', 'run/systemd/system', 'run/sshd', 'var/lib', 'home', 'tmp'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID="12"\n');
  writeFileSync(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
  for (const type of ['ed25519', 'ecdsa'])
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(root, `etc/ssh/ssh_host_${type}_key`)]);
  writeFileSync(
    join(root, 'etc/ssh/sshd_config'),
    `Include ${root}/etc/ssh/sshd_config.d/*.conf\nHostKey ${root}/etc/ssh/ssh_host_ed25519_key\nPort 2222\n`,
  );
  const command = (name: string, text: string) => writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  command('id', 'echo 0');
  command('uname', 'case ${1-} in -m) echo x86_64 ;; *) exec /usr/bin/uname "$@" ;; esac');
  command('systemd-detect-virt', 'echo kvm');
  command('systemctl', `echo "systemctl $*" >>${root}/tmp/calls; case $1 in is-active) exit 0 ;; esac`);
  command('getent', `[ -d ${root}/home/kipper ]`);
  command('useradd', `mkdir -p ${root}/home/kipper`);
  command('userdel', `rm -rf ${root}/home/kipper`);
  command('visudo', `[ -x /usr/sbin/visudo ] && exec /usr/sbin/visudo "$@"; grep -q NOPASSWD "$2"`);
  command('runuser', 'exit 0');
  command('sshd', `exec /usr/sbin/sshd -f ${root}/etc/ssh/sshd_config "$@"`);
  return {
    root,
    place: { root, path: `${bin}:`, owner: userInfo().username },
    command,
    run: (shell, script, options = {}) => run([...shell, '-s', '--', ...(options.args ?? [])], `${options.lines ?? ''}${script}`),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function run(argv: string[], input: string): Promise<Result> {
  const [file = 'sh', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: 'pipe', detached: true });
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
    child.once('error', reject).once('close', (code) => resolve({ code, ...out }));
    child.stdin.on('error', () => undefined).end(input);
  });
}
