uninstall() {
	if [ -e "$R/etc/systemd/system/k3s.service" ] && [ "$with_cluster" = 0 ]; then
		refuse 25 'a cluster stands on this machine' 'kip cluster remove NAME first; or give --with-cluster and lose it with all its data'
	fi
	[ ! -r "$state/undo/host.sh" ] || act 'revert what Kipper changed on this machine' revert_all
	take_away
	[ "$changed" -gt 0 ] || say 'nothing of Kipper was here'
	say "done. The control plane still lists this server: kip server remove $K_server --force"
}

# Newest first; an entry that a person changed since is left and named, as everywhere.
revert_all() {
	sh -s "$state/undo/host.sh" <<'END'
set -u
. "$1"
undo_list | cut -f 1 >"${K_list:=$(mktemp)}" || exit 1
left=0
while read -r entry; do
	(K_entry=$entry K_force=0 undo_entry) </dev/null || left=1
done <"$K_list"
rm -f "$K_list"
exit $left
END
}

# Only what this script itself put here, in the order that leaves no open door.
take_away() {
	if [ ! -f "$state/account" ]; then return 0; fi
	[ ! -e "$home/.ssh/authorized_keys" ] || act 'take away the key of the control plane' rm -f "$home/.ssh/authorized_keys"
	[ ! -e "$sudoers" ] || act 'take away the sudo rule of kipper' rm -f "$sudoers"
	if [ -e "$dropin" ]; then
		act 'take away our part of the sshd configuration' rm -f "$dropin"
		[ "$dry" = 1 ] || reload_ssh
	fi
	! getent passwd kipper >/dev/null || act 'remove the user kipper with its home' remove_user
	log=
	act 'remove /var/lib/kipper' rm -rf "$state"
}

remove_user() {
	userdel --force --remove kipper 2>/dev/null || ! getent passwd kipper >/dev/null
}
