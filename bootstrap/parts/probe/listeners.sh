# shellcheck shell=sh
probe_listening=$(ss -H -lntup 2>/dev/null)
section listeners printf '%s\n' "$probe_listening"

# `PID cgroup-path` of every process that listens: tells its unit without asking systemd.
probe_listener_units() {
	for pid in $(printf '%s\n' "$probe_listening" | grep -o 'pid=[0-9]*' | sort -u); do
		pid=${pid#pid=}
		while IFS=: read -r _ controllers path; do
			case $controllers in '' | name=systemd) echo "$pid $path" && break ;; esac
		done <"/proc/$pid/cgroup"
	done
}
section listener_units probe_listener_units
section sockets systemctl list-sockets --all --no-legend --full --no-pager
