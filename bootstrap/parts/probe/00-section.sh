# shellcheck shell=sh
# A probe reads and changes nothing. Each file beside this one prints sections.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

# section NAME command...: prints `@NAME`, each line of the command after one blank, `@=status`. Empty lines are left out.
section() {
	printf '@%s\n' "$1"
	shift
	section_out=$("$@" 2>/dev/null </dev/null)
	section_status=$?
	if [ -n "$section_out" ]; then
		set -f
		IFS='
'
		# One printf for all lines: a probe has no time for a process a section.
		# shellcheck disable=SC2086
		printf ' %s\n' $section_out
		unset IFS
		set +f
	fi
	printf '@=%s\n' "$section_status"
}

# pair NAME FILE: `NAME first-line-of-FILE`, nothing when it cannot be read; no process.
pair() {
	pair_line=
	{ IFS= read -r pair_line <"$2"; } 2>/dev/null
	[ -z "$pair_line" ] || printf '%s %s\n' "$1" "$pair_line"
}

# tagged FILE...: the lines of the files that exist, each after its path and a tab; comments left out.
tagged() {
	tagged_count=$#
	while [ "$tagged_count" -gt 0 ]; do
		[ ! -f "$1" ] || set -- "$@" "$1"
		shift
		tagged_count=$((tagged_count - 1))
	done
	[ $# -eq 0 ] || awk '!/^[ \t]*(#|\/\/|$)/ { print FILENAME "\t" $0 }' "$@"
}
