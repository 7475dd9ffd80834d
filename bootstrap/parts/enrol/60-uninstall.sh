uninstall() {
	if [ -e "$R/etc/kipper/k3s.json" ] && [ "$with_cluster" = 0 ]; then
		refuse 25 'a cluster stands on this machine' 'kip cluster remove NAME first; or give --with-cluster and lose it with all its data'
	fi
	if [ -r "$state/undo/host.sh" ]; then
		act 'revert what Kipper changed on this machine' reverted
	fi
	take_away
	[ "$changed" -gt 0 ] || say 'nothing of Kipper was here'
	say "done. The control plane still lists this server: kip server remove $K_server --force"
}

# Newest first; what a person changed since is left and named, and then nothing else is taken away.
reverted() {
	sh "$state/undo/host.sh" undo_all || refuse 26 'some changes could not be reverted' 'put right what is named above, and run this again'
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
	if originals; then
		act 'forget the account' rm -f "$state/account"
		say "$state stays: it keeps the originals of what Kipper changed on this machine"
	else
		act 'remove /var/lib/kipper' rm -rf "$state"
	fi
}

# Whether something here can still be put back.
originals() {
	for kept in "$state"/undo/[0-9]*; do
		if [ -d "$kept" ]; then return 0; fi
	done
	return 1
}

remove_user() {
	userdel --force --remove kipper 2>/dev/null || ! getent passwd kipper >/dev/null
}
