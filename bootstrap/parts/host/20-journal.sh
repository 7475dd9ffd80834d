# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# One undo entry is a folder undo/<8 digits>: meta files, data/ (the step's values), before/ (what was there), left (what we left).

action_ok() {
	case $1 in
	file | directory | attributes | unit | package | sysctl | ufw | sshd | daemon_reload | k3s_start | k3s_prove | k3s_remove) ;;
	*) return 1 ;;
	esac
}

journal() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$K_fence" "$1" "$2" "$3" >>"$KIPPER_HOME/journal/$K_run"
}

entries() {
	for entry in "$KIPPER_HOME"/undo/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ -f "$entry/saved" ] && printf '%s\n' "$entry"
	done
}

# The first line of one of the entry's own files, without a process.
entry_meta() {
	meta=''
	[ ! -f "$entry/$1" ] || IFS= read -r meta <"$entry/$1" || :
}

# Sets entry to the one that this run made for this step, or to nothing.
entry_of_step() {
	for entry in "$KIPPER_HOME"/undo/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ -f "$entry/saved" ] || continue
		entry_meta run
		[ "$meta" = "$K_run" ] || continue
		entry_meta step
		[ "$meta" != "$K_step" ] || return 0
	done
	entry=''
}

entry_next() {
	last=0
	for entry in "$KIPPER_HOME"/undo/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ -d "$entry" ] && last=${entry##*/}
	done
	while [ "${last#0}" != "$last" ] && [ "$last" != 0 ]; do last=${last#0}; done
	printf '%s/undo/%08d' "$KIPPER_HOME" $((last + 1))
}

entry_value() {
	[ ! -f "$1" ] || cat "$1"
}

# The values of the step, for an undo that knows nothing but the entry.
entry_save_data() {
	mkdir "$1/data" || fail 77 "cannot write to $1; is the disk full?"
	for pair in "path:${K_path:-}" "owner:${K_owner:-}" "group:${K_group:-}" "mode:${K_mode:-}" "absent:${K_absent:-}" "sha256:${K_sha256:-}" \
		"unit:${K_unit:-}" "enable:${K_enable:-}" "active:${K_active:-}" "name:${K_name:-}" "state:${K_state:-}" "key:${K_key:-}" \
		"value:${K_value:-}" "tcp:${K_tcp:-}" "from:${K_from:-}" "forward:${K_forward:-}" "users:${K_users:-}" "content:${K_content:-}"; do
		[ -n "${pair#*:}" ] && keep "$1/data/${pair%%:*}" "${pair#*:}"
	done
	return 0
}

entry_load_data() {
	data=$1/data
	K_path=$(entry_value "$data/path") K_owner=$(entry_value "$data/owner") K_group=$(entry_value "$data/group")
	K_mode=$(entry_value "$data/mode") K_absent=$(entry_value "$data/absent") K_sha256=$(entry_value "$data/sha256")
	K_unit=$(entry_value "$data/unit") K_enable=$(entry_value "$data/enable") K_active=$(entry_value "$data/active")
	K_name=$(entry_value "$data/name") K_state=$(entry_value "$data/state") K_key=$(entry_value "$data/key")
	K_value=$(entry_value "$data/value") K_tcp=$(entry_value "$data/tcp") K_from=$(entry_value "$data/from")
	K_forward=$(entry_value "$data/forward") K_users=$(entry_value "$data/users")
}

# Saves what is there, once for each run and step; `saved` is the last file written, so that half a save counts as none.
entry_make() {
	entry=$(entry_next)
	rm -rf "$entry"
	mkdir "$entry" "$entry/before" || fail 77 "cannot write to $KIPPER_HOME/undo; is the disk full?"
	for pair in "run:$K_run" "step:$K_step" "control:${K_control:-}" "action:$K_action" "guard:${K_guard:-}" "title:${K_title:-}"; do
		keep "$entry/${pair%%:*}" "${pair#*:}"
	done
	entry_save_data "$entry"
	before=$entry/before
	("${K_action}_save") || {
		code=$?
		rm -rf "$entry"
		exit "$code"
	}
	keep "$entry/saved" "$K_fence"
	sync "$entry/saved" 2>/dev/null || sync
	journal saved "${entry##*/}" "$K_step"
}

# step_put_back: after a failure, or when asked by step_revert. The entry goes when nothing of the step is left.
step_put_back() {
	before=$entry/before
	if ("${K_action}_undo"); then
		journal reverted "${entry##*/}" "$K_step"
		rm -rf "$entry"
		return 0
	fi
	say "could not put the old state back; it is kept in $entry"
	return 1
}

step_failed() {
	if [ -z "$entry" ]; then exit "$1"; fi
	step_put_back || exit 71
	exit "$1"
}

step_apply() {
	("${K_action}_apply") || {
		code=$?
		case $code in
		12 | 64 | 69 | 72 | 73 | 75 | 79 | 80) step_failed "$code" ;;
		esac
		step_failed 70
	}
	("${K_action}_verify") || step_failed 74
}

# check, save, apply, verify. Exit 3 when nothing had to change.
step_run() {
	lease_check
	words_ok "${K_step:-}" || fail 64 "the step has no name"
	action_ok "${K_action:-}" || fail 64 "this library has no action ${K_action:-}"
	entry=''
	[ "${K_once:-}" = 1 ] || entry_of_step
	if [ -z "$entry" ] || [ -f "$entry/left" ]; then
		("${K_action}_check")
		code=$?
		case $code in
		0) exit 3 ;;
		1) ;;
		*) exit "$code" ;;
		esac
	fi
	if [ "${K_once:-}" != 1 ]; then
		[ -n "$entry" ] || entry_make
		guard_restores "$entry/before"
		rm -f "$entry/left"
	fi
	before=${entry:+$entry/before}
	step_apply
	[ -z "$entry" ] || {
		"${K_action}_present" >"$entry/.left" && mv "$entry/.left" "$entry/left" || fail 77 "cannot write to $entry; is the disk full?"
	}
	journal changed "${entry##*/}" "$K_step"
}

# After a step was killed: what it had begun is put back.
step_revert() {
	lease_check
	entry_of_step
	[ -n "$entry" ] || exit 3
	[ ! -f "$entry/left" ] || fail 71 "the step was done before it could be ended; it is in the undo list"
	entry_meta action
	K_action=$meta
	entry_load_data "$entry"
	step_put_back || exit 71
}

# Only looks: for a second connection that proves an armed step.
step_verify() {
	action_ok "${K_action:-}" || fail 64 "this library has no action ${K_action:-}"
	("${K_action}_verify") || exit 74
}
