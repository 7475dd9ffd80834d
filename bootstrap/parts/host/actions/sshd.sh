# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action sshd: K_path (a drop-in), K_content, K_users (who must still be able to log in). Validated before sshd reads it.

sshd_data() {
	K_owner=root K_group=root K_mode=0600 K_absent='' K_sha256=''
}

sshd_present() {
	sshd_data
	file_present
	[ ! -f "$K_path" ] || cat "$K_path"
}

# sshd answers only while its runtime folder stands. With socket activation systemd removes it whenever a connection ends.
sshd_ask() {
	sshd_said=$KIPPER_HOME/undo/.kipper-sshd-said
	for sshd_try in 1 2 3 4 5 6; do
		[ -d /run/sshd ] || mkdir -m 0755 /run/sshd 2>/dev/null || :
		if sshd "$@" 2>"$sshd_said"; then
			rm -f "$sshd_said"
			return 0
		fi
		grep -q '/run/sshd' "$sshd_said" || break
	done
	cat "$sshd_said" >&2
	rm -f "$sshd_said"
	return 1
}

sshd_check() {
	sshd_data
	file_check
}

sshd_save() {
	sshd_data
	file_save
}

sshd_apply() {
	sshd_data
	file_apply || return
	sshd_ask -t || fail 70 "sshd does not accept these settings"
	sshd_reload
}

# Under ssh.socket a reloaded sshd forgets the socket that systemd gave it and nobody answers there any more, so it is
# restarted: sessions stay (KillMode=process), new connections wait in the socket. An sshd for each connection needs nothing.
sshd_reload() {
	verb=reload
	! systemctl -q is-active ssh.socket || verb=restart
	for unit in ssh.service sshd.service; do
		if systemctl -q is-active "$unit"; then
			systemctl "$verb" "$unit"
			return
		fi
	done
	[ "$verb" = restart ] && return
	[ ! -f /run/sshd.pid ] || kill -s HUP "$(cat /run/sshd.pid)"
}

# Lower-case names of settings in the drop-in's general part that no Match block of it changes.
sshd_verify() {
	sshd_data
	[ -f "$K_path" ] || return 1
	general=$(printf '%s\n' "$K_content" | awk '
		tolower($1) == "match" { inside = 1; next }
		/^[[:space:]]*(#|$)/ { next }
		{ name = tolower($1); $1 = ""; sub(/^ /, ""); value = tolower($0); gsub("prohibit-password", "without-password", value) }
		inside { matched[name] = 1; next }
		name != "include" { count++; names[count] = name; values[count] = value }
		END { for (i = 1; i <= count; i++) if (!(names[i] in matched)) print names[i] " " values[i] }')
	for user in ${K_users:-root}; do
		sshd_ask -T -C "user=$user,host=localhost,addr=127.0.0.1" >"$KIPPER_HOME/undo/.kipper-sshd" || return
		printf '%s\n' "$general" | sshd_effective "$user" || return
	done
}

sshd_effective() {
	while IFS= read -r wanted; do
		[ -n "$wanted" ] || continue
		grep -Fqix -e "$wanted" "$KIPPER_HOME/undo/.kipper-sshd" && continue
		say "sshd does not use '$wanted' for user $1: another file sets it first, or $K_path is not included"
		return 1
	done
}

sshd_undo() {
	sshd_data
	file_undo || return
	[ -n "${KIPPER_BOOT:-}" ] || { sshd_ask -t && sshd_reload; }
}
