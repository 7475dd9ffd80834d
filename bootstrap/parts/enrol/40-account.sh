make_account() {
	if ! getent passwd kipper >/dev/null; then
		created=1
		[ "$dry" = 1 ] || : >"$state/account"
		act 'create the user kipper (no password, home /home/kipper)' \
			useradd --system --user-group --create-home --home-dir /home/kipper --shell /bin/sh --password '*' --comment 'Kipper control plane' kipper
	fi
	if [ "$dry" = 1 ] && [ "$created" = 1 ]; then
		printf 'would write %s\n' "$home/.ssh/authorized_keys" "$sudoers"
		return 0
	fi
	[ "$(stat -c %a "$home")" = 700 ] || act 'close the home folder of kipper to others' chmod 700 "$home"
	[ -d "$home/.ssh" ] || act 'make /home/kipper/.ssh' install -d -m 700 -o "$account" "$home/.ssh"
	printf 'restrict,port-forwarding,permitopen="127.0.0.1:6443" %s\n' "$K_key" >"$tmp/content"
	place "$home/.ssh/authorized_keys" 600 "$account" 'let the key of the control plane log in as kipper'
}

allow_sudo() {
	[ "$dry" = 0 ] || [ "$created" = 0 ] || return 0
	{
		echo '# Kipper administers this machine as root through this account.'
		echo 'kipper ALL=(ALL:ALL) NOPASSWD: ALL'
		if grep -rqs '^[^#]*requiretty' "$R/etc/sudoers" "$R/etc/sudoers.d"; then echo 'Defaults:kipper !requiretty'; fi
	} >"$tmp/content"
	visudo -cf "$tmp/content" >/dev/null 2>&1 || refuse 24 'visudo refuses our sudoers file' "run: visudo -c; then mend what it names"
	place "$sudoers" 440 "$root" 'let kipper use sudo without a password'
	[ "$dry" = 1 ] || runuser -u kipper -- sudo -n true </dev/null >/dev/null 2>&1 ||
		refuse 24 'sudo does not follow our file' "see that /etc/sudoers holds @includedir /etc/sudoers.d and check: sudo -l -U kipper"
}

# In a Match block AllowUsers and AllowGroups replace the global lists, for kipper alone: nobody else's login changes.
sshd_block() {
	mine=$(sshd_config -C user=kipper,host=localhost,addr=127.0.0.1)
	echo '# Made by Kipper.'
	echo 'Match User kipper'
	echo '    AllowTcpForwarding local'
	for pair in 'disableforwarding yes:DisableForwarding no' 'pubkeyauthentication no:PubkeyAuthentication yes' \
		'allowusers :AllowUsers kipper' 'allowgroups :AllowGroups kipper' 'forcecommand :ForceCommand none' \
		'chrootdirectory :ChrootDirectory none' 'authenticationmethods :AuthenticationMethods publickey' \
		'authorizedkeysfile :AuthorizedKeysFile .ssh/authorized_keys'; do
		seen=$(printf '%s\n' "$mine" | grep "^${pair%%:*}" | head -n 1)
		case $seen in
		'' | *' none' | *' any' | 'authorizedkeysfile .ssh/authorized_keys'*) ;;
		*)
			echo "    ${pair#*:}"
			case ${pair%%:*} in
			allow*) note user_not_allowed "sshd has ${seen%% *}: our drop-in lets kipper in, and nobody else" ;;
			disablef*) note forwarding_off 'sshd forbids forwarding: our drop-in allows it to kipper, to local ports only' ;;
			esac
			;;
		esac
	done
}

allow_ssh() {
	[ -d "$R/etc/ssh/sshd_config.d" ] || act 'make /etc/ssh/sshd_config.d' mkdir -m 755 "$R/etc/ssh/sshd_config.d"
	before=$changed
	if [ -f "$dropin" ]; then
		grep -qx 'Match User kipper' "$dropin" || refuse 28 "$dropin stands but does not let kipper in" 'kip server harden writes it anew; or remove the file and run this again'
	else
		sshd_block >"$tmp/content"
		place "$dropin" 600 "$root" 'allow kipper its port forwarding in sshd'
	fi
	[ "$dry" = 0 ] && [ "$changed" -gt "$before" ] || return 0
	if ! sshd -t </dev/null >&2; then
		rm -f "$dropin"
		refuse 28 'sshd -t refuses the configuration' 'mend what sshd -t names; our file was taken away again'
	fi
	reload_ssh
	sshd_config -C user=kipper,host=localhost,addr=127.0.0.1 | grep -qix 'allowtcpforwarding local' ||
		note sshd_dropin_ignored 'sshd does not read /etc/ssh/sshd_config.d: add the line Include /etc/ssh/sshd_config.d/*.conf at the top of /etc/ssh/sshd_config'
}

# Under ssh.socket a reloaded sshd forgets the socket that systemd gave it, and nobody answers there any more.
reload_ssh() {
	verb=reload
	! systemctl is-active --quiet ssh.socket || verb=restart
	for unit in ssh.service sshd.service; do
		if systemctl is-active --quiet "$unit"; then
			systemctl "$verb" "$unit" </dev/null
			return 0
		fi
	done
}

note() {
	notes="$notes
$1"
	say "note: $2"
}
