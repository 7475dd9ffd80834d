# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# The host-step library: POSIX sh for dash, busybox ash and bash. Values arrive as K_ variables only.
# Exit codes: 0 changed, 3 holds already, 12 artefact wanted, 64 bad data, 70 failed and put back, 71 failed and not put back,
# 72 no space or read-only, 73 not what it should be, 74 did not hold after it was applied and put back, 75 not the lease's
# fence, 76 changed by a person since, 77 could not save, 78 an older session does not end, 79 packages locked,
# 80 package source down, 81 guard not armed.
umask 077
PATH=${PATH:-/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
KIPPER_HOME=${KIPPER_HOME:-/var/lib/kipper}
own_uid=$(id -u)
tab=$(printf '\t')
newline='
'

say() {
	printf 'kipper: %s\n' "$*" >&2
}

# fail CODE SENTENCE: ends this subshell.
fail() {
	fail_code=$1
	shift
	say "$@"
	exit "$fail_code"
}

home_make() {
	for folder in "$KIPPER_HOME" "$KIPPER_HOME/journal" "$KIPPER_HOME/undo" "$KIPPER_HOME/lease" "$KIPPER_HOME/upload"; do
		[ -d "$folder" ] && [ ! -L "$folder" ] && continue
		mkdir -m 0700 "$folder" || fail 72 "cannot make $folder; is the disk full or read-only?"
	done
}

# place FILE: standard input becomes the file's content at once or not at all.
place() {
	place_tmp=$(mktemp "${1%/*}/.kipper-XXXXXX") || return 72
	cat >"$place_tmp" && mv -f "$place_tmp" "$1" && return
	rm -f "$place_tmp"
	return 72
}

# keep FILE VALUE: byte for byte.
keep() {
	printf '%s' "$2" >"$1" || fail 77 "cannot write $1; is the disk full?"
}

words_ok() {
	case $1 in
	'' | *[!A-Za-z0-9._/:@-]*) return 1 ;;
	esac
}

absolute() {
	case $1 in
	*"$newline"* | */../* | */./* | */.. | */. | *//* | */) return 1 ;;
	/?*) ;;
	*) return 1 ;;
	esac
}

# proc_read PID: sets proc_name, proc_parent, proc_group and proc_start; false when there is no such process.
proc_read() {
	IFS= read -r proc_line 2>/dev/null <"/proc/$1/stat" || return 1
	proc_name=${proc_line#*\(}
	proc_name=${proc_name%\)*}
	# shellcheck disable=SC2086
	set -- ${proc_line##*\) }
	[ $# -ge 20 ] || return 1
	proc_parent=$2
	proc_group=$3
	shift 19
	proc_start=$1
}
