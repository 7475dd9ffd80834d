# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action unit: K_unit (one or more, separated by blanks), K_enable enabled|disabled|masked|keep, K_active started|stopped|restarted|reloaded|keep.

unit_folder=${KIPPER_UNITS:-/etc/systemd/system}

unit_refuse() {
	for unit in $K_unit; do
		case $unit in
		*[!A-Za-z0-9:._@\\-]* | -* | *..*) fail 64 "$unit is no unit name" ;;
		*.service | *.socket | *.timer | *.path | *.target | *.mount) ;;
		*) fail 64 "$unit is no unit name" ;;
		esac
	done
	case ${K_enable:-keep}:${K_active:-keep} in
	enabled:* | disabled:* | masked:* | keep:*) ;;
	*) fail 64 "a unit can be enabled, disabled, masked or kept" ;;
	esac
	case ${K_active:-keep} in
	started | stopped | restarted | reloaded | keep) ;;
	*) fail 64 "a unit can be started, stopped, restarted, reloaded or kept" ;;
	esac
}

unit_enabled() {
	state=$(systemctl is-enabled "$1" 2>/dev/null)
	printf '%s' "${state:-not-found}"
}

unit_active() {
	systemctl is-active "$1" 2>/dev/null
}

unit_present() {
	for unit in $K_unit; do
		printf '%s enabled=%s active=%s\n' "$unit" "$(unit_enabled "$unit")" "$(unit_active "$unit")"
	done
}

unit_holds_enable() {
	case ${K_enable:-keep}:$(unit_enabled "$1") in
	keep:* | masked:masked) ;;
	enabled:enabled | enabled:static | enabled:alias | enabled:generated | enabled:indirect) ;;
	disabled:disabled | disabled:static | disabled:indirect | disabled:masked | disabled:not-found | disabled:generated | disabled:alias) ;;
	*) return 1 ;;
	esac
}

unit_holds_active() {
	case $2:$(unit_active "$1") in
	keep:* | started:active | stopped:inactive | stopped:failed | stopped:unknown | stopped:) ;;
	*) return 1 ;;
	esac
}

unit_check() {
	unit_refuse
	case ${K_active:-keep} in
	restarted | reloaded) return 1 ;;
	esac
	unit_verify
}

unit_verify() {
	wanted=${K_active:-keep}
	case $wanted in
	restarted | reloaded) wanted=started ;;
	esac
	for unit in $K_unit; do
		unit_holds_enable "$unit" && unit_holds_active "$unit" "$wanted" || return 1
	done
}

# Every link below /etc/systemd/system with its target: what enable and mask change is the difference.
unit_links() {
	find "$unit_folder" -type l | sort | while IFS= read -r link; do
		printf '%s%s%s\n' "$link" "$tab" "$(readlink "$link")"
	done
}

unit_save() {
	unit_refuse
	unit_links >"$before/links" || fail 77 "cannot write to $before; is the disk full?"
	for unit in $K_unit; do
		unit_active "$unit" >"$before/active-$unit"
	done
	return 0
}

# Sockets, timers and paths first: they would start their service again.
unit_stop() {
	for unit in $K_unit; do
		case $unit in
		*.service) ;;
		*) unit_holds_active "$unit" stopped || systemctl stop "$unit" || return ;;
		esac
	done
	for unit in $K_unit; do
		unit_holds_active "$unit" stopped || systemctl stop "$unit" || return
	done
}

unit_mask() {
	if [ -f "$unit_folder/$1" ] && [ ! -L "$unit_folder/$1" ]; then
		cp -p "$unit_folder/$1" "$before/file-$1" && rm -f "$unit_folder/$1" || return
	fi
	systemctl mask "$1"
}

unit_apply() {
	[ "${K_active:-keep}" != stopped ] || unit_stop || return
	for unit in $K_unit; do
		unit_holds_enable "$unit" && continue
		case $K_enable in
		enabled)
			[ "$(unit_enabled "$unit")" != masked ] || systemctl unmask "$unit" || return
			systemctl enable "$unit" || return
			;;
		disabled) systemctl disable "$unit" || return ;;
		masked) unit_mask "$unit" || return ;;
		esac
	done
	for unit in $K_unit; do
		case ${K_active:-keep} in
		started) systemctl start "$unit" || unit_why "$unit" || return ;;
		restarted) systemctl restart "$unit" || unit_why "$unit" || return ;;
		reloaded) systemctl reload-or-restart "$unit" || unit_why "$unit" || return ;;
		esac
	done
	return 0
}

unit_why() {
	systemctl --no-pager --lines=20 status "$1" >&2
	return 1
}

# Exactly the links that were there; then what ran runs again and what did not is stopped.
unit_undo() {
	now=$before/links-now
	unit_links >"$now" || fail 72 "cannot write to $before; is the disk full?"
	links_missing "$before/links" "$now" | while IFS=$tab read -r link target; do
		unit_ours "$link" "$target" && rm -f "$link" && rmdir "${link%/*}" 2>/dev/null
	done
	links_missing "$now" "$before/links" | while IFS=$tab read -r link target; do
		unit_ours "$link" "$target" || continue
		[ -d "${link%/*}" ] || mkdir -m 0755 "${link%/*}"
		[ -e "$link" ] || [ -L "$link" ] || ln -s "$target" "$link"
	done
	for unit in $K_unit; do
		[ ! -f "$before/file-$unit" ] || { rm -f "$unit_folder/$unit" && cp -p "$before/file-$unit" "$unit_folder/$unit"; }
	done
	[ -n "${KIPPER_BOOT:-}" ] || systemctl daemon-reload
	unit_undo_active
}

# links_missing A B: lines of B that are not in A.
links_missing() {
	while IFS= read -r line; do
		grep -Fqx -e "$line" "$1" || printf '%s\n' "$line"
	done <"$2"
}

# Units that bring each other (Also=, Alias=) share a first name: rpcbind.socket, rpcbind.service, portmap.service.
unit_ours() {
	for unit in $K_unit; do
		case ${1##*/}:${2##*/} in
		"$unit":* | *:"$unit" | "${unit%.*}".*:* | *:"${unit%.*}".*) return 0 ;;
		esac
	done
	return 1
}

unit_undo_active() {
	[ "${K_active:-keep}" != keep ] && [ -z "${KIPPER_BOOT:-}" ] || return 0
	result=0
	for unit in $K_unit; do
		old=$(cat "$before/active-$unit")
		case $old:$(unit_active "$unit") in
		active:active | inactive:inactive | failed:inactive | failed:failed | unknown:* | :*) ;;
		active:*) systemctl start "$unit" || result=1 ;;
		*:active) systemctl stop "$unit" || result=1 ;;
		esac
	done
	return $result
}
