#!/bin/sh
# Kipper enrolment of one server. Read it, or run it with --dry-run; --uninstall takes everything back.
K_url='https://kipper.example.com'
K_enrolment='enr_01jexample0000000000000000'
K_server='web-1'
K_key='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample kipper-srv_01jexample0000000000000000'
K_pin='sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
K_root=''
K_path=''
K_owner=''

say() {
	printf 'kipper: %s\n' "$*" >&2
	[ -z "$log" ] || printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$log"
}

# refuse CODE SENTENCE [NEXT STEP]
refuse() {
	code=$1
	say "refused ($code): $2"
	[ -z "${3-}" ] || say "next: $3"
	exit "$code"
}

# act SENTENCE COMMAND...: the one door to every change.
act() {
	sentence=$1
	shift
	if [ "$dry" = 1 ]; then
		printf 'would %s\n' "$sentence"
		return 0
	fi
	"$@" </dev/null || refuse 1 "could not $sentence" "read what the failed command said above; nothing after it was done"
	changed=$((changed + 1))
	say "did $sentence"
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# place PATH MODE OWNER SENTENCE: what $tmp/content holds becomes the file, whole or not at all.
place() {
	if [ -f "$1" ] && [ ! -L "$1" ] && cmp -s "$tmp/content" "$1" && [ "$(stat -c '%a %U' "$1")" = "$2 $3" ]; then
		return 0
	fi
	act "$4" move_in "$1" "$2" "$3"
}

move_in() {
	new=$(mktemp "$(dirname "$1")/.kipper.XXXXXX") || return 1
	if cat "$tmp/content" >"$new" && chmod "$2" "$new" && chown "$3:" "$new" && mv -f "$new" "$1"; then
		return 0
	fi
	rm -f "$new"
	return 1
}

json() {
	printf '"%s"' "$(printf '%s' "$1" | tr -cd '\040-\176' | cut -c 1-128 | sed 's/["\\]/\\&/g')"
}

# Lines of standard input as a JSON list of strings, at most $1 of them.
json_list() {
	tr -cd '\012\040-\176' | sed -e '/^$/d' -e 's/["\\]/\\&/g' | head -n "$1" | awk 'BEGIN { printf "[" } { printf "%s\"%s\"", comma, $0; comma = "," } END { printf "]" }'
}

value_of() {
	sed -n "s/^$1=//p" "$R/etc/os-release" 2>/dev/null | tail -n 1 | tr -d "\"'"
}

detect() {
	os=$(value_of ID)
	release=$(value_of VERSION_ID)
	machine=$(uname -m)
	virtual=$(systemd-detect-virt 2>/dev/null) || virtual=${virtual:-none}
	init=other
	[ ! -d "$R/run/systemd/system" ] || init=systemd
	machine_id=$(cat "$R/etc/machine-id" 2>/dev/null) || machine_id=
	account=${K_owner:-kipper}
	root=${K_owner:-root}
	home=$R/home/kipper
	state=$R/var/lib/kipper
	dropin=$R/etc/ssh/sshd_config.d/00-kipper.conf
	sudoers=$R/etc/sudoers.d/kipper
}

# sshd answers for its configuration only when its runtime folder stands; socket activation removes it.
sshd_config() {
	made=
	[ -d "$R/run/sshd" ] || { mkdir -m 755 "$R/run/sshd" 2>/dev/null && made=1; }
	sshd -T "$@" 2>/dev/null </dev/null || true
	[ -z "$made" ] || rmdir "$R/run/sshd"
}

detect_sshd() {
	settings=$(sshd_config)
	ports=$({
		[ -z "${SSH_CONNECTION-}" ] || echo "${SSH_CONNECTION##* }"
		# A socket unit that is not at work names its port all the same.
		! systemctl is-active --quiet ssh.socket || systemctl show ssh.socket -p Listen 2>/dev/null | sed -n 's/.*:\([0-9]*\) (Stream).*/\1/p'
		printf '%s\n' "$settings" | sed -n 's/^port //p'
	} | grep -x '[0-9]\{1,5\}' | awk '!seen[$0]++' | head -n 8)
	[ -n "$ports" ] || ports=22
	keys=$(printf '%s\n' "$settings" | sed -n 's/^hostkey //p' | while read -r key; do
		cut -d ' ' -f 1,2 "$R$key.pub" 2>/dev/null || true
	done)
	[ -n "$keys" ] || keys=$(cut -d ' ' -f 1,2 "$R"/etc/ssh/ssh_host_*_key.pub 2>/dev/null) || keys=
}

facts() {
	memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	disk=$(df -Pk "$R/var" | awk 'NR == 2 { print $4 }')
	printf '{"hostname":%s,"os":%s,"release":%s,"arch":%s,' "$(json "$(uname -n)")" "$(json "$os")" "$(json "$release")" "$(json "$machine")"
	printf '"kernel":%s,"virtualization":%s,' "$(json "$(uname -r)")" "$(json "$virtual")"
	printf '"memoryKb":%s,"diskFreeKb":%s,"cpus":%s,"clockSeconds":%s,' "${memory:-0}" "${disk:-0}" "$(getconf _NPROCESSORS_ONLN)" "$(date +%s)"
	printf '"addresses":%s,' "$(ip -o addr show scope global 2>/dev/null | awk '{ print $4 }' | json_list 32)"
	printf '"notes":%s}' "$(printf '%s\n' "$notes" | json_list 16)"
}

# Everything of the claim but the token.
claim() {
	printf '"machineId":%s,"bootId":%s,' "$(json "$machine_id")" "$(json "$(cat /proc/sys/kernel/random/boot_id)")"
	printf '"sshPorts":[%s],"hostKeys":%s,"facts":%s' "$(printf '%s\n' "$ports" | paste -s -d , -)" "$(printf '%s\n' "$keys" | json_list 16)" "$(facts)"
}

refusals() {
	[ "$(id -u)" = 0 ] || refuse 10 'this needs root' 'run the line as it was shown, with sudo'
	case $os:$release in
	debian:12 | debian:13 | ubuntu:22.04 | ubuntu:22.10 | ubuntu:23.04 | ubuntu:23.10 | ubuntu:24.04 | ubuntu:24.10 | ubuntu:25.04 | ubuntu:25.10 | ubuntu:26.04) ;;
	*) refuse 11 "${os:-this system} $release is not supported" 'use Debian 12 or 13, or Ubuntu 22.04 to 26.04' ;;
	esac
	case $machine in
	x86_64 | aarch64) ;;
	*) refuse 12 "processor architecture $machine is not supported" 'use amd64 or arm64' ;;
	esac
	# systemd-nspawn is left in: it boots a whole system with an init of its own.
	case $virtual in
	docker | podman | lxc | lxc-libvirt | openvz | wsl | rkt | pouch | proot)
		refuse 14 "this is a $virtual container, which cannot run a cluster node" 'run the line on the machine itself or in a virtual machine'
		;;
	esac
	[ "$init" = systemd ] || refuse 13 'systemd is not running this machine' 'boot it with systemd as process 1'
	refuse_disk
	refuse_parts
}

refuse_disk() {
	frozen=$(awk '$2 ~ /^\/(etc|var|home)?$/ { o[$2] = $4 } END { for (p in o) if (o[p] ~ /(^|,)ro(,|$)/) { print p; exit } }' "${R:-}/proc/mounts" 2>/dev/null) || frozen=
	[ -z "$frozen" ] || refuse 16 "$frozen is mounted read-only" "find out why with: dmesg | grep -i remount; then: mount -o remount,rw $frozen"
	for place in /etc /var/lib /home; do
		free=$(df -Pk "$R$place" 2>/dev/null | awk 'NR == 2 { print $4 }')
		[ "${free:-0}" -ge 8192 ] || refuse 17 "the file system of $place has less than 8 MiB free" "make room; see what is big with: du -xh $place | sort -h | tail"
	done
}

refuse_parts() {
	has visudo || refuse 15 'sudo is missing' 'apt-get install sudo'
	has sshd || refuse 15 'the OpenSSH server is missing' 'apt-get install openssh-server'
	[ "$via" = ssh ] || has curl || refuse 15 'curl is missing' 'apt-get install curl ca-certificates'
	has useradd || refuse 15 'useradd is missing' 'apt-get install passwd'
	case $machine_id in
	'' | *[!0-9a-f]*) refuse 19 'this machine has no machine-id' 'systemd-machine-id-setup' ;;
	esac
	detect_sshd
	[ -n "$keys" ] || refuse 19 'this machine has no SSH host keys' 'ssh-keygen -A && systemctl restart ssh'
	if getent passwd kipper >/dev/null && [ ! -f "$state/account" ]; then
		refuse 18 'a user kipper stands already and is not ours' 'rename or remove that user; Kipper needs the name'
	fi
}

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

# The token is named on no command line: it came on standard input or is typed, and leaves in a 0600 file.
take_token() {
	unset token
	token=${KIPPER_TOKEN-}
	unset KIPPER_TOKEN
	via=${KIPPER_VIA:-https}
	unset KIPPER_VIA
}

need_token() {
	[ "$via" != ssh ] || return 0
	if [ -z "$token" ] && (: </dev/tty) 2>/dev/null; then
		printf 'Enrolment token (not shown): ' >/dev/tty
		quiet=1
		stty -echo </dev/tty
		IFS= read -r token </dev/tty || true
		stty echo </dev/tty
		quiet=
		echo >/dev/tty
	fi
	case $token in
	*[!A-Za-z0-9_-]* | '') refuse 20 'the enrolment token is missing or is no token' "paste the whole line of: kip server invite $K_server" ;;
	esac
	[ "${#token}" = 47 ] || refuse 20 'the enrolment token is cut off' "paste the whole line of: kip server invite $K_server"
}

call_home() {
	if [ -n "$K_pin" ]; then
		curl -sSk --proto '=https' --pinnedpubkey "$K_pin" --connect-timeout 10 --max-time 60 "$@" </dev/null
	else
		curl -sS --proto '=https' --connect-timeout 10 --max-time 60 "$@" </dev/null
	fi
}

# Retried only where the request cannot have arrived: a claim is used up by the first answer.
patiently() {
	for pause in 2 4 8 16 0; do
		status=0
		call_home "$@" || status=$?
		case $status in
		6 | 7) ;;
		*) return "$status" ;;
		esac
		[ "$pause" = 0 ] || sleep $((pause + $$ % 3))
	done
	return "$status"
}

explain_curl() {
	case $1 in
	6) refuse 22 "the name in $K_url cannot be resolved" 'check /etc/resolv.conf and: getent hosts deb.debian.org' ;;
	7 | 28) refuse 22 "$K_url does not answer" "allow outgoing TCP to it; try: curl -v $K_url/healthz" ;;
	35 | 60) refuse 22 "the certificate of $K_url does not hold" 'check the clock with: date -u; and: apt-get install ca-certificates' ;;
	90) refuse 27 "$K_url answered with another key than the one this script was made for" 'do not go on: someone may sit in between, or the certificate was replaced; make a new line with kip server invite' ;;
	*) refuse 22 "talking to $K_url failed (curl $1)" "try: curl -v $K_url/healthz" ;;
	esac
}

check_clock() {
	patiently -D "$tmp/head" -o /dev/null "$K_url/healthz" || explain_curl $?
	theirs=$(sed -n 's/^[Dd]ate: *//p' "$tmp/head" | tr -d '\r' | tail -n 1)
	[ -n "$theirs" ] && theirs=$(date -d "$theirs" +%s 2>/dev/null) || return 0
	skew=$(($(date +%s) - theirs))
	[ "${skew#-}" -le 60 ] || refuse 21 "the clock of this machine is off by ${skew#-} seconds" 'timedatectl set-ntp true; then run the line again'
}

send_claim() {
	if [ "$via" = ssh ]; then
		printf 'KIPPER-CLAIM:%s\n' "$(printf '{%s}' "$(claim)" | base64 | tr -d '\n')"
		return 0
	fi
	cat >"$tmp/claim" <<END
{"token":"$token",$(claim)}
END
	answer=$(patiently -H 'content-type: application/json' --data-binary "@$tmp/claim" -o "$tmp/answer" -w '%{http_code}' "$K_url/v1/enrolments/$K_enrolment/claim") || explain_curl $?
	rm -f "$tmp/claim"
	[ "$answer" != 200 ] || return 0
	[ "$created" = 0 ] || take_away
	refuse 23 "the control plane refused (HTTP $answer): $(word detail)" "$(word hint)"
}

word() {
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$tmp/answer" | head -n 1 | tr -cd '[:print:]'
}

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

usage() {
	cat >&2 <<END
usage: enrol.sh [--dry-run]                    let the control plane $K_url administer this machine
       enrol.sh --uninstall [--with-cluster]   take that back: our key, our account, our changes
END
	exit 2
}

clean_up() {
	[ -z "$quiet" ] || stty echo </dev/tty
	[ -z "$tmp" ] || rm -rf "$tmp"
}

main() {
	set -eu
	set +a
	take_token
	PATH=$K_path/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
	LC_ALL=C
	export PATH LC_ALL
	umask 077
	unset CDPATH TMPDIR
	R=$K_root log='' tmp='' quiet='' notes='' dry=0 changed=0 created=0 remove=0 with_cluster=0
	for word in "$@"; do
		case $word in
		--dry-run) dry=1 ;;
		--uninstall) remove=1 ;;
		--with-cluster) with_cluster=1 ;;
		*) usage ;;
		esac
	done
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	detect
	[ "$remove" = 0 ] || [ "$(id -u)" = 0 ] || refuse 10 'this needs root' 'run it with sudo'
	[ "$remove" = 1 ] || refusals
	tmp=$(mktemp -d "$R/run/kipper-enrol.XXXXXX")
	exec 9>"$R/run/kipper-enrol.lock"
	flock -n 9 || refuse 29 'another enrolment is running on this machine' 'wait for it to end'
	if [ "$remove" = 1 ]; then
		uninstall
	else
		enrol
	fi
}

enrol() {
	if [ "$dry" = 0 ]; then
		need_token
		[ "$via" = ssh ] || check_clock
		[ -d "$state" ] || mkdir -m 700 "$state"
		log=$state/enrol.log
	fi
	make_account
	allow_sudo
	allow_ssh
	if [ "$dry" = 1 ]; then
		printf 'would report to %s: system, addresses, machine-id and these SSH host keys\n%s\n' "$K_url" "$keys"
		return 0
	fi
	send_claim
	# A machine that comes back under another server starts with its runs counted anew.
	rm -f "$state/lease/holder"
	say "done, $changed change(s). Log: /var/lib/kipper/enrol.log. Next: kip server show $K_server"
}

main "$@"
