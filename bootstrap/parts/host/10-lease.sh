# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# The lease: the newest run owns the host. lease/holder is one line: run fence pid start group sshd sshd-start boot.
# Numbers of processes mean something in their own boot only: after a reboot the old group may be anybody's.

lease_read() {
	held_run='' held_fence=0 held_pid=0 held_start=0 held_group=0 held_sshd=0 held_sshd_start=0 held_boot='' own_boot=''
	IFS= read -r own_boot 2>/dev/null </proc/sys/kernel/random/boot_id || :
	[ -f "$KIPPER_HOME/lease/holder" ] || return 0
	# shellcheck disable=SC2034
	IFS=' ' read -r held_run held_fence held_pid held_start held_group held_sshd held_sshd_start held_boot held_rest <"$KIPPER_HOME/lease/holder"
	case $held_fence$held_pid$held_group$held_sshd in
	*[!0-9]*) fail 78 "$KIPPER_HOME/lease/holder is damaged; remove it when no run is at work" ;;
	esac
	[ "${held_boot:-$own_boot}" = "$own_boot" ] || held_pid=0 held_group=0 held_sshd=0
}

# The sshd process of this session's own connection, or 0.
lease_sshd() {
	own_sshd=0 own_sshd_start=0
	walk=$$
	while [ "$walk" -gt 1 ] && proc_read "$walk"; do
		case $proc_name in
		sshd | sshd-session)
			own_sshd=$walk own_sshd_start=$proc_start
			return
			;;
		esac
		walk=$proc_parent
	done
}

# Ends the older session with all its children, and its connection. A process that only has its number is left alone.
lease_end_holder() {
	if [ "$held_pid" -gt 1 ] && [ "$held_pid" != $$ ]; then
		if ! proc_read "$held_pid" || [ "$proc_start" = "$held_start" ]; then
			kill -s KILL -- "-$held_group" 2>/dev/null
		fi
	fi
	if [ "$held_sshd" -gt 1 ] && [ "$held_sshd" != "$own_sshd" ] && proc_read "$held_sshd" && [ "$proc_start" = "$held_sshd_start" ]; then
		case $proc_name in
		sshd | sshd-session) kill -s KILL "$held_sshd" 2>/dev/null ;;
		esac
	fi
	return 0
}

lease_group_alive() {
	[ "$held_group" -gt 1 ] && [ "$held_pid" != $$ ] || return 1
	proc_read "$held_pid" && [ "$proc_start" != "$held_start" ] && return 1
	kill -s 0 -- "-$held_group" 2>/dev/null
}

lease_refuse() {
	[ "$K_fence" -gt "$held_fence" ] && return
	[ "$K_fence" -eq "$held_fence" ] && [ "$K_run" = "$held_run" ] && return
	fail 75 "a newer run has taken this server over; nothing was changed"
}

# Runs in the session's main shell: file descriptor 9 holds the lock for as long as that shell lives.
lease_take() {
	tries=0
	until flock -n 9 && ! lease_group_alive; do
		lease_read
		lease_refuse
		lease_end_holder
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || fail 78 "the session of an older run does not end; its process group is $held_group"
		sleep 0.1
	done
	lease_read
	lease_refuse
	proc_read $$
	printf '%s %s %s %s %s %s %s %s\n' "$K_run" "$K_fence" $$ "$proc_start" "$proc_group" "$own_sshd" "$own_sshd_start" "$own_boot" |
		place "$KIPPER_HOME/lease/holder" || fail 72 "cannot write the lease; is the disk full or read-only?"
}

lease_check() {
	lease_read
	[ "$held_fence" = "$K_fence" ] && [ "$held_run" = "$K_run" ] || fail 75 "a newer run has taken this server over; nothing was changed"
}

# Called once, in the main shell of a session.
session_start() {
	words_ok "${K_run:-}" || fail 64 "the run has no name"
	case ${K_fence:-} in
	'' | *[!0-9]*) fail 64 "the run has no fence" ;;
	esac
	command -v flock >/dev/null || fail 69 "flock is missing; install util-linux"
	home_make
	exec 9>>"$KIPPER_HOME/lease/lock"
	lease_sshd
	lease_read
	lease_refuse
	flock -n 9 && lease_end_holder
	lease_take
	rm -f "$KIPPER_HOME"/upload/* "$KIPPER_HOME"/undo/.kipper-*
	if [ -n "${K_library:-}" ]; then
		printf '%s' "$K_library" | place "$KIPPER_HOME/undo/host.sh" || fail 72 "cannot write to $KIPPER_HOME; is the disk full?"
		K_library=''
	fi
	guard_recover
}
