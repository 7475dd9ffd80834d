# shellcheck shell=sh disable=SC2015,SC2034,SC2154

# entry, run, step, control, action, guard, title, separated by tabs; newest first.
undo_list() {
	undo_lines | tr -d '\000-\010\013-\037\177'
}

undo_lines() {
	for entry in $(entries | sort -r); do
		printf '%s' "${entry##*/}"
		for field in run step control action guard title; do
			entry_meta "$field"
			printf '\t%s' "$meta"
		done
		printf '\n'
	done
}

undo_compare() {
	[ -f "$entry/left" ] && [ ! -f "$entry/undoing" ] && [ "${K_force:-}" != 1 ] || return 0
	present=$KIPPER_HOME/undo/.kipper-present
	("${K_action}_present") >"$present"
	if ! cmp -s "$entry/left" "$present"; then
		say "this was changed by someone since; it is left as it is (--force puts the older state back all the same)"
		diff -u "$entry/left" "$present" | sed '1,2d' >&2
		rm -f "$present"
		exit 76
	fi
	rm -f "$present"
}

# undo_entry (K_entry K_force): puts back what was there before; 3 when the entry is gone already.
undo_entry() {
	lease_check
	case ${K_entry:-} in
	[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) entry=$KIPPER_HOME/undo/$K_entry ;;
	*) fail 64 "this is no entry of the undo list" ;;
	esac
	[ -f "$entry/saved" ] || exit 3
	entry_meta action
	K_action=$meta
	action_ok "$K_action" || fail 64 "this library has no action $K_action"
	entry_load_data "$entry"
	undo_compare
	undo_redo_point
	: >"$entry/undoing" || fail 72 "cannot write to $entry; is the disk full?"
	before=$entry/before
	("${K_action}_undo") || fail 71 "could not put the old state back; it is kept in $entry"
	entry_meta step
	journal undone "$K_entry" "$meta"
	guard_armed || rm -rf "$entry"
	[ ! -d "$entry" ] || : >"$entry/undone"
}

# An armed undo can itself be taken back: what we had left is saved before.
undo_redo_point() {
	guard_armed || return 0
	rm -rf "$entry/redo"
	mkdir "$entry/redo" || fail 77 "cannot write to $entry; is the disk full?"
	before=$entry/redo
	("${K_action}_save") || exit 77
	guard_restores "$entry/redo"
}

# For --uninstall: every entry, newest first, without a worker.
undo_all() {
	home_make
	exec 9>>"$KIPPER_HOME/lease/lock"
	flock -n 9 || fail 78 "a run of Kipper is at work on this server; wait until it has ended, or cancel it"
	guard_recover || return
	lease_read
	K_run=$held_run K_fence=$held_fence
	refused=0
	for K_entry in $(undo_list | cut -f1); do
		(undo_entry) </dev/null 9>&- || {
			refused=$?
			say "not undone: $(cat "$KIPPER_HOME/undo/$K_entry/title")"
		}
	done
	return "$refused"
}
