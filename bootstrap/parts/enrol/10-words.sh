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
