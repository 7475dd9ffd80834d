# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action attributes: K_owner K_group K_mode of something that exists at K_path.

attributes_refuse() {
	path_refuse
	[ ! -L "$K_path" ] || fail 73 "$K_path is a symbolic link; its owner and mode are not changed through it"
	[ -e "$K_path" ] || fail 73 "$K_path does not exist"
}

attributes_present() {
	if [ -e "$K_path" ]; then stat -c 'mode=%a owner=%U group=%G' "$K_path"; else printf 'absent\n'; fi
}

attributes_check() {
	attributes_refuse
	same_attributes "$K_path"
}

attributes_keep() {
	if [ -e "$K_path" ]; then
		stat -c '%a %u %g' "$K_path" >"$before/attributes" || fail 77 "cannot write to $before; is the disk full?"
	fi
}

attributes_restore() {
	read -r old_mode old_owner old_group <"$before/attributes"
	chown "$old_owner:$old_group" "$K_path" && chmod "$old_mode" "$K_path"
}

attributes_save() {
	attributes_refuse
	attributes_keep
}

attributes_apply() {
	chown "$K_owner:$K_group" "$K_path" && chmod "$K_mode" "$K_path"
}

attributes_verify() {
	attributes_check
}

attributes_undo() {
	[ ! -e "$K_path" ] || [ -L "$K_path" ] || attributes_restore
}
