# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Two-phase steps. While undo/armed exists, a timer and a boot unit put the old state back; undo/restore names the folder to
# put back from, and is written only after that folder is complete.

guard_units=${KIPPER_UNITS:-/etc/systemd/system}

guard_armed() {
	[ -f "$KIPPER_HOME/undo/armed" ]
}

guard_restores() {
	guard_armed || return 0
	printf '%s\n' "$1" | place "$KIPPER_HOME/undo/restore" || fail 77 "cannot write to $KIPPER_HOME; is the disk full?"
	sync
}

guard_write_units() {
	place "$guard_units/kipper-revert.service" <<-EOT &&
		[Unit]
		Description=Kipper: puts back what a new login did not confirm
		StartLimitIntervalSec=0
		[Service]
		Type=oneshot
		Restart=on-failure
		RestartSec=10
		Environment=KIPPER_HOME=$KIPPER_HOME
		ExecStart=/bin/sh $KIPPER_HOME/undo/host.sh guard_expired
	EOT
		place "$guard_units/kipper-revert.timer" <<-EOT &&
			[Unit]
			Description=Kipper: time limit of an unconfirmed change
			[Timer]
			OnActiveSec=$K_seconds
			AccuracySec=1s
			Unit=kipper-revert.service
		EOT
		place "$guard_units/kipper-revert-boot.service" <<-EOT
			[Unit]
			Description=Kipper: puts back an unconfirmed change after a reboot
			DefaultDependencies=no
			RequiresMountsFor=$KIPPER_HOME /etc /usr
			After=local-fs.target
			Before=ssh.service ssh.socket sshd.service ufw.service nftables.service kipper-guard.service network-pre.target sysinit.target
			Wants=network-pre.target
			[Service]
			Type=oneshot
			Environment=KIPPER_HOME=$KIPPER_HOME KIPPER_BOOT=1
			ExecStart=/bin/sh $KIPPER_HOME/undo/host.sh guard_boot
			[Install]
			WantedBy=sysinit.target
		EOT
}

# guard_arm (K_guard K_seconds K_step): from here on, silence means the old state.
guard_arm() {
	lease_check
	case ${K_guard:-} in
	sshd | firewall) ;;
	*) fail 64 "there is no guard ${K_guard:-}" ;;
	esac
	case ${K_seconds:-} in
	'' | *[!0-9]*) fail 64 "the guard has no time limit" ;;
	esac
	[ -f "$KIPPER_HOME/undo/host.sh" ] || fail 77 "the guard's own script is missing"
	! guard_armed || fail 77 "another guard is armed"
	rm -f "$KIPPER_HOME/undo/restore" "$KIPPER_HOME/undo/reverted"
	guard_write_units || fail 77 "cannot write the guard's units; is the disk full or /etc read-only?"
	chmod 0644 "$guard_units"/kipper-revert.service "$guard_units"/kipper-revert.timer "$guard_units"/kipper-revert-boot.service
	# Without --no-reload systemd reads all its units twice.
	systemctl -q --no-reload enable kipper-revert-boot.service && systemctl daemon-reload || guard_unarmed
	printf '%s %s %s %s\n' "$K_run" "$K_fence" "${K_step:-}" "$K_guard" | place "$KIPPER_HOME/undo/armed" || guard_unarmed
	sync
	systemctl start kipper-revert.timer && systemctl -q is-active kipper-revert.timer || guard_unarmed
}

guard_unarmed() {
	rm -f "$KIPPER_HOME/undo/armed"
	guard_remove_units
	fail 77 "the guard could not be armed, so nothing was changed; see: systemctl status kipper-revert.timer"
}

guard_remove_files() {
	rm -f "$guard_units/kipper-revert.service" "$guard_units/kipper-revert.timer" "$guard_units/kipper-revert-boot.service" \
		"$guard_units/sysinit.target.wants/kipper-revert-boot.service"
	rmdir "$guard_units/sysinit.target.wants" 2>/dev/null
}

guard_remove_units() {
	systemctl -q stop kipper-revert.timer 2>/dev/null
	systemctl -q --no-reload disable kipper-revert-boot.service 2>/dev/null
	rm -f "$guard_units/kipper-revert.service" "$guard_units/kipper-revert.timer" "$guard_units/kipper-revert-boot.service"
	systemctl daemon-reload
}

# guard_disarm: through a new connection. Renaming the marker decides between it and the timer: one of them wins.
guard_disarm() {
	lease_check
	mv "$KIPPER_HOME/undo/armed" "$KIPPER_HOME/undo/confirmed" 2>/dev/null ||
		fail 81 "the guard had put the old state back before the new login was confirmed"
	sync
	guard_remove_units
	for entry in "$KIPPER_HOME"/undo/[0-9]*; do
		[ ! -f "$entry/undone" ] || rm -rf "$entry"
	done
	rm -f "$KIPPER_HOME/undo/confirmed" "$KIPPER_HOME/undo/restore"
}

# guard_confirm: what a new login does. The step's own verify first, when it has one.
guard_confirm() {
	lease_check
	if [ -n "${K_action:-}" ]; then (step_verify) || exit 74; fi
	guard_disarm
}

guard_put_back() {
	[ -f "$KIPPER_HOME/undo/restore" ] || return 0
	IFS= read -r before <"$KIPPER_HOME/undo/restore"
	entry=${before%/*}
	[ -d "$before" ] || return 0
	entry_meta action
	K_action=$meta
	action_ok "$K_action" || return 1
	entry_load_data "$entry"
	("${K_action}_undo") || return 1
	case $before in
	*/redo) rm -rf "$before" "$entry/undoing" "$entry/undone" ;;
	*) rm -rf "$entry" ;;
	esac
}

# guard_revert: at once. The marker's new name keeps it alive over a crash or reboot in the middle.
guard_revert() {
	if mv "$KIPPER_HOME/undo/armed" "$KIPPER_HOME/undo/reverting" 2>/dev/null || [ -f "$KIPPER_HOME/undo/reverting" ]; then
		exec 8>>"$KIPPER_HOME/undo/revert.lock"
		flock 8
		[ -f "$KIPPER_HOME/undo/reverting" ] || return 0
		(guard_put_back 8>&-) || fail 71 "could not put the old state back; it is kept in $KIPPER_HOME/undo"
		mv "$KIPPER_HOME/undo/reverting" "$KIPPER_HOME/undo/reverted"
		rm -f "$KIPPER_HOME/undo/restore"
		say "the old state is back"
		[ -n "${KIPPER_BOOT:-}" ] || guard_remove_units
		return 0
	fi
	[ -f "$KIPPER_HOME/undo/reverted" ] && return
	guard_half_gone
	fail 81 "no guard is armed"
}

# Units of a guard whose arming was cut short: nothing was changed under it.
guard_half_gone() {
	[ ! -f "$guard_units/kipper-revert.service" ] && [ ! -f "$guard_units/kipper-revert-boot.service" ] || guard_remove_units
}

# Run by the timer: whoever is still at the armed step is ended first.
guard_expired() {
	guard_armed || [ -f "$KIPPER_HOME/undo/reverting" ] || {
		guard_half_gone
		return
	}
	lease_read
	own_sshd=0
	mv "$KIPPER_HOME/undo/armed" "$KIPPER_HOME/undo/reverting" 2>/dev/null
	lease_end_holder
	guard_revert
}

# Run by the boot unit, before any service that it restores.
guard_boot() {
	if [ -f "$KIPPER_HOME/undo/armed" ] || [ -f "$KIPPER_HOME/undo/reverting" ]; then guard_revert; fi
	guard_remove_files
}

# A session that finds a guard armed by one that died puts the old state back before anything else.
guard_recover() {
	if [ -f "$KIPPER_HOME/undo/armed" ] || [ -f "$KIPPER_HOME/undo/reverting" ]; then
		(guard_revert) </dev/null 9>&-
		return
	fi
	(guard_half_gone) </dev/null 9>&-
	return 0
}
