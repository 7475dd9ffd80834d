# shellcheck shell=sh
probe_routes() {
	ip -o route show | head -n 300
	ip -6 -o route show | head -n 300
}
section addresses ip -o address show
section routes probe_routes

# sudo drops SSH_CONNECTION; the processes above this one still have it.
probe_connection() {
	pid=$$
	for _ in 1 2 3 4 5 6 7 8; do
		[ "$pid" -gt 1 ] || return 0
		if found=$(tr '\0' '\n' <"/proc/$pid/environ" | grep '^SSH_CONNECTION='); then
			echo "${found#SSH_CONNECTION=}"
			return 0
		fi
		while read -r key value; do
			[ "$key" != PPid: ] || pid=$value
		done <"/proc/$pid/status"
	done
}
section ssh_connection probe_connection
