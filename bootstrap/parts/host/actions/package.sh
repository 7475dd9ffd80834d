# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action package: K_name (one or more, separated by blanks), K_state present|absent. Undo purges exactly what was newly installed.

package_refuse() {
	case $K_name in
	'' | *[!a-z0-9.+\ -]* | -* | *' -'*) fail 64 "$K_name is no package name" ;;
	esac
	case $K_state in
	present | absent) ;;
	*) fail 64 "a package can be present or absent" ;;
	esac
	command -v apt-get >/dev/null || fail 69 "apt-get is missing on this host"
}

package_installed() {
	case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
	installed) ;;
	*) return 1 ;;
	esac
}

package_present() {
	for package in $K_name; do
		if package_installed "$package"; then printf '%s installed\n' "$package"; else printf '%s absent\n' "$package"; fi
	done
}

package_check() {
	package_refuse
	for package in $K_name; do
		case $K_state in
		present) package_installed "$package" || return 1 ;;
		absent) ! package_installed "$package" || return 1 ;;
		esac
	done
}

# status and name of everything dpkg knows; ii is installed, rc is removed with its settings left.
package_list() {
	dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' | while read -r status package; do
		printf '%s %s\n' "$status" "$package"
	done | sort
}

package_save() {
	package_refuse
	package_list >"$before/packages" || fail 77 "cannot read the list of packages; try: dpkg --audit"
	package_active >"$before/active" || fail 77 "cannot write to $before; is the disk full?"
}

package_active() {
	systemctl --plain --no-legend --no-pager list-units --state=active,activating,reloading 2>/dev/null | sed 's/ .*//'
}

package_apt() {
	log=$KIPPER_HOME/undo/.kipper-apt
	DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef -o Acquire::Retries=2 "$@" 2>"$log"
	apt_exit=$?
	cat "$log" >&2
	return $apt_exit
}

# Names the cause of what apt-get wrote last.
package_cause() {
	if grep -Eq 'Could not get lock|is another process using it|Unable to acquire the dpkg frontend lock|Unable to lock' "$log"; then
		fail 79 "another program is installing packages; wait for it to end (ps -e | grep -E 'apt|dpkg') and try again"
	elif grep -Eq 'No space left|enough free space' "$log"; then
		fail 72 "the disk is full; free some space: df -h"
	elif grep -Eq 'Unable to locate package|has no installation candidate' "$log"; then
		fail 80 "the package sources of this host have no $K_name; check /etc/apt/sources.list.d and run: apt-get update"
	elif grep -Eq 'Failed to fetch|Unable to fetch|Could not resolve|Could not connect|Cannot initiate the connection|Temporary failure' "$log"; then
		fail 80 "the package sources of this host do not answer; check them with: apt-get update"
	fi
	fail 70 "installing or removing packages failed; the lines above say why"
}

# A dpkg that was interrupted, by us or by a power cut, is completed before anything else.
package_repair() {
	[ -z "$(find /var/lib/dpkg/updates -type f 2>/dev/null)" ] && [ -z "$(dpkg --audit 2>/dev/null)" ] && return
	DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confold
}

package_stale() {
	grep -Eq 'Unable to locate package|has no installation candidate|404 |Failed to fetch|Unable to fetch' "$log"
}

package_apply() {
	package_repair
	if [ "$K_state" = absent ]; then
		# shellcheck disable=SC2086
		package_apt remove -- $K_name || package_cause
		return 0
	fi
	cut -d: -f1 /etc/passwd | sort >"$before/accounts"
	package_install
	cut -d: -f1 /etc/passwd | sort | comm -13 "$before/accounts" - >"$before/accounts-made"
}

package_install() {
	# shellcheck disable=SC2086
	package_apt install --no-install-recommends -- $K_name && return
	package_stale || package_cause
	package_apt update || package_cause
	# shellcheck disable=SC2086
	package_apt install --no-install-recommends -- $K_name || package_cause
}

package_verify() {
	package_check
}

# package_new STATUS: names that are installed now and had this status before ('' for none at all).
package_new() {
	package_list | while read -r status package; do
		case $status in
		ii | iU | iF | iH | iW | it) ;;
		*) continue ;;
		esac
		old=$(grep -e " $package\$" "$before/packages")
		case $1:${old%% *} in
		purge: | remove:rc) printf '%s\n' "$package" ;;
		esac
	done
}

package_undo() {
	package_repair
	if [ "$K_state" = absent ]; then
		package_return
		return
	fi
	for verb in purge remove; do
		# shellcheck disable=SC2046
		set -- $(package_new $verb)
		[ $# -gt 0 ] || continue
		package_refuse_more "$verb" "$@"
		package_units_stop "$@"
		package_apt "$verb" -- "$@" || package_cause
	done
	package_accounts_away
}

# Not every package stops what it started: the units that these brought, but for those that ran before they came.
package_units_stop() {
	dpkg -L "$@" 2>/dev/null | sed -n 's#^\(/usr\)\{0,1\}/lib/systemd/system/\([^/]*\.[a-z]*\)$#\2#p' | grep -E '\.(service|socket|timer|path)$' | sort -u |
		while IFS= read -r unit; do
			case $unit in
			*@.*) unit="${unit%@.*}@*.${unit##*.}" ;;
			*) grep -Fqx -e "$unit" "$before/active" 2>/dev/null && continue ;;
			esac
			systemctl -q stop "$unit" </dev/null || say "$unit could not be stopped"
		done
	return 0
}

# A purge leaves the accounts that the package's scripts made.
package_accounts_away() {
	[ -f "$before/accounts-made" ] || return 0
	while read -r account; do
		uid=$(id -u "$account" 2>/dev/null) || continue
		[ "$uid" -lt 1000 ] && userdel "$account" >/dev/null 2>&1 || say "the account $account stays: it is in use"
	done <"$before/accounts-made"
}

package_return() {
	for package in $K_name; do
		grep -Fqx -e "ii $package" "$before/packages" || continue
		package_installed "$package" || package_apt install --no-install-recommends -- "$package" || package_cause
	done
}

# What a person installed since and needs ours is not removed with it.
package_refuse_more() {
	removing=$(apt-get -s -q -y "$@" 2>/dev/null | sed -n 's/^\(Purg\|Remv\) \([^ ]*\).*/\2/p')
	for package in $removing; do
		case " $* " in
		*" $package "* | *" $package:"*) ;;
		*) [ "${K_force:-}" = 1 ] || fail 76 "$package needs what would be removed, so the packages stay (--force removes both)" ;;
		esac
	done
}
