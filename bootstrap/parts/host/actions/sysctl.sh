# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action sysctl: the running value of K_key. A file of its own makes it last.

sysctl_file() {
	case $K_key in
	'' | *[!A-Za-z0-9._/-]* | *..* | /*) fail 64 "$K_key is no kernel setting" ;;
	esac
	key_file=/proc/sys/$(printf '%s' "$K_key" | tr . /)
	[ -f "$key_file" ] || fail 73 "this kernel has no setting $K_key"
}

sysctl_present() {
	sysctl_file
	tr -s '\t ' '  ' <"$key_file"
}

sysctl_check() {
	[ "$(sysctl_present)" = "$K_value" ]
}

sysctl_save() {
	sysctl_present >"$before/value" || fail 77 "cannot write to $before; is the disk full?"
}

sysctl_apply() {
	sysctl_file
	printf '%s\n' "$K_value" >"$key_file"
}

sysctl_verify() {
	sysctl_check
}

sysctl_undo() {
	sysctl_file
	cat "$before/value" >"$key_file"
}
