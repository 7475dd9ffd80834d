/**
 * What a host is, line by line, for comparing before and after. Left out, and why:
 * - /etc/.pwd.lock, /etc/*- and apt's and dpkg's own caches: tools leave them whenever an account or package is touched;
 * - counters and handles of nftables rules: they count packets;
 * - kernel values that count, age or are random by themselves (fs.*-nr, random.*, *_time*, stable_secret, per-interface copies);
 * - units that come and go by themselves: sessions, timers' services, what only a boot starts.
 */
export const hostSnapshot = `
echo '# packages'; dpkg -l | awk '/^[a-z][a-z] /{ print $1, $2, $3 }'
echo '# unit files'; systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | grep -v '^run-'
echo '# units'; systemctl list-units --all --no-legend --no-pager --plain --type=service,socket,timer | awk '$2 == "loaded" && $3 == "active" { print $1, $3 }' | grep -vE '^(user@|user-runtime|run-|systemd-(hostnamed|timedated|localed|logind)|apt-daily|dpkg-db|e2scrub|fstrim|systemd-tmpfiles-setup-dev)' | sort
echo '# files'; find /etc /usr/local /root/.ssh -xdev ! -path '/etc/.pwd.lock' ! -name '*-' -printf '%y %m %u %g %p %l\\n' | sort
find /etc /usr/local /root/.ssh -xdev -type f ! -path '/etc/.pwd.lock' ! -name '*-' -exec sha256sum {} + | sort
echo '# nft'; nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'
echo '# sysctl'; sysctl -a 2>/dev/null | grep -vE '^(fs\\.(dentry|file-nr|inode|quota|aio-nr|inotify|epoll)|kernel\\.(random|ns_last_pid|pty\\.nr|threads-max|hostname|sched_|perf_event|hung)|net\\.netfilter\\.nf_conntrack_count|dev\\.|vm\\.stat)|stable_secret|neigh\\.|(_time|_expires)|net\\.ipv[46]\\.conf\\.(host0|eth0|lo)\\.'
`;

/** The bytes that a run could change, without the library's own journal of what was run. */
export const ourFiles = `
find /etc /usr/local /var/lib/kipper /home/kipper /root/.ssh -xdev -type f -exec sha256sum {} + 2>/dev/null | sort
nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }'
`;

/** Lines that one text has and the other has not: `-` was there before, `+` is there after. */
export function difference(before: string, after: string): string[] {
  const old = new Set(before.split('\n'));
  const now = new Set(after.split('\n'));
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `-${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `+${line}`),
  ];
}
