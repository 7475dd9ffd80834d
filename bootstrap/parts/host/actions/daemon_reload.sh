# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action daemon_reload: always acts; undo reloads too, because it follows the undo of unit files.

daemon_reload_present() {
	:
}

daemon_reload_check() {
	return 1
}

daemon_reload_save() {
	:
}

daemon_reload_apply() {
	systemctl daemon-reload
}

daemon_reload_verify() {
	:
}

daemon_reload_undo() {
	systemctl daemon-reload
}
