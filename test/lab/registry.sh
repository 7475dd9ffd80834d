#!/usr/bin/env bash
# registry.sh run ADDR | start ADDR | stop: the lab's image registry (plain HTTP, no login).
# `run` stays in the foreground, for a caller that owns its life; `start` and `stop` are for use by hand.
set -euo pipefail

cache=${KIPPER_LAB_CACHE:-$HOME/.cache/kipper-lab}
run=$cache/run
pid_file=$run/registry.pid

configure() {
	mkdir -p "$run/registry"
	cat >"$run/registry.yml" <<-CONFIG
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $run/registry}, delete: {enabled: true}}
		http: {addr: "$1"}
	CONFIG
}

ours() { [ -e "$pid_file" ] && [ "$(readlink "/proc/$(cat "$pid_file")/exe")" = "$(readlink -f "$cache/bin/registry")" ]; }

case ${1:-} in
run)
	configure "$2"
	# Dies with its starter, even when that is killed.
	exec setpriv --pdeathsig KILL env OTEL_TRACES_EXPORTER=none "$cache/bin/registry" serve "$run/registry.yml"
	;;
start)
	if ours; then
		echo "registry: already running (pid $(cat "$pid_file"))"
		exit 0
	fi
	configure "$2"
	OTEL_TRACES_EXPORTER=none setsid "$cache/bin/registry" serve "$run/registry.yml" </dev/null >"$run/registry.log" 2>&1 &
	echo $! >"$pid_file"
	for _ in $(seq 50); do
		if (exec 3<>"/dev/tcp/${2%:*}/${2##*:}") 2>/dev/null; then
			echo "registry: http://$2 (pid $(cat "$pid_file"))"
			exit 0
		fi
		sleep 0.1
	done
	echo "registry: does not answer on $2, see $run/registry.log" >&2
	exit 1
	;;
stop)
	if ours; then kill "$(cat "$pid_file")"; fi
	rm -f "$pid_file"
	;;
*)
	echo 'usage: registry.sh run ADDR | start ADDR | stop' >&2
	exit 2
	;;
esac
