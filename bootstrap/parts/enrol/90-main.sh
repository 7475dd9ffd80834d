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
