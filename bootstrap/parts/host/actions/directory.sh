# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action directory: K_path K_owner K_group K_mode.

directory_refuse() {
	path_refuse
	[ ! -L "$K_path" ] || fail 73 "$K_path is a symbolic link; a folder is expected there"
	[ ! -e "$K_path" ] || [ -d "$K_path" ] || fail 73 "$K_path is not a folder"
}

directory_present() {
	if [ -d "$K_path" ]; then stat -c 'mode=%a owner=%U group=%G' "$K_path"; else printf 'absent\n'; fi
}

directory_check() {
	directory_refuse
	[ -d "$K_path" ] && same_attributes "$K_path"
}

directory_save() {
	directory_refuse
	attributes_keep
}

directory_apply() {
	parents_make "${K_path%/*}" "$before/parents" || fail 72 "cannot make ${K_path%/*}; is the disk full or read-only?"
	[ -d "$K_path" ] || mkdir -m 0700 "$K_path" || fail 72 "cannot make $K_path; is the disk full or read-only?"
	chown "$K_owner:$K_group" "$K_path" && chmod "$K_mode" "$K_path"
}

directory_verify() {
	directory_check
}

directory_undo() {
	if [ -f "$before/attributes" ]; then
		attributes_restore
		return
	fi
	[ -d "$K_path" ] || return 0
	if rmdir "$K_path" 2>/dev/null; then
		parents_remove
	else
		say "$K_path is not empty, so it stays"
	fi
}
