# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Action file: K_path K_owner K_group K_mode, and K_content, or K_sha256 of an uploaded artefact, or K_absent=1.

mode_of() {
	stat -c '%a' "$1"
}

same_attributes() {
	[ "$(stat -c '%a %U %G' "$1")" = "${K_mode#0} $K_owner $K_group" ]
}

# A link or an unsafe folder on the way to K_path would let another user choose what we write.
path_refuse() {
	absolute "$K_path" || fail 64 "$K_path is not an absolute path in plain form"
	way=${K_path%/*}
	set --
	while [ -n "$way" ]; do
		if [ -e "$way" ] || [ -L "$way" ]; then set -- "$@" "$way"; fi
		way=${way%/*}
	done
	[ $# -eq 0 ] || stat -c '%u %a %f %n' "$@" | path_judge || exit 73
}

path_judge() {
	while read -r uid mode kind way; do
		[ "$uid" = 0 ] || [ "$uid" = "$own_uid" ] || fail 73 "$way belongs to another user, so nothing is written below it"
		case $kind in
		a*) continue ;;
		4*) ;;
		*) fail 73 "$way is not a folder" ;;
		esac
		case $mode in
		[1357]???) ;;
		*[2367]) fail 73 "$way can be written by everybody, so nothing is written below it" ;;
		esac
	done
}

file_refuse() {
	path_refuse
	[ ! -L "$K_path" ] || fail 73 "$K_path is a symbolic link; a plain file is expected there"
	[ ! -d "$K_path" ] || fail 73 "$K_path is a folder; a plain file is expected there"
	[ ! -e "$K_path" ] || [ -f "$K_path" ] || fail 73 "$K_path is not a plain file"
}

file_digest() {
	sum=$(sha256sum <"$1") || return 1
	printf '%s' "${sum%% *}"
}

file_present() {
	if [ -f "$K_path" ]; then
		stat -c 'mode=%a owner=%U group=%G' "$K_path"
		printf 'sha256=%s\n' "$(file_digest "$K_path")"
		# What everybody on the host may read may stand in a diff; the rest stays a digest.
		case $(mode_of "$K_path") in
		*[4567]) [ "$(wc -c <"$K_path")" -gt 65536 ] || cat "$K_path" ;;
		esac
	else
		printf 'absent\n'
	fi
}

file_check() {
	file_refuse
	if [ "${K_absent:-}" = 1 ]; then
		[ ! -e "$K_path" ]
		return
	fi
	[ -f "$K_path" ] && same_attributes "$K_path" || return 1
	if [ -n "${K_sha256:-}" ]; then
		[ "$(file_digest "$K_path")" = "$K_sha256" ]
	else
		printf '%s' "$K_content" | cmp -s - "$K_path"
	fi
}

# parents_make FOLDER NOTES: makes what is missing above a path, noting each before it is made.
parents_make() {
	[ -d "$1" ] && return
	[ -z "${1%/*}" ] || parents_make "${1%/*}" "$2" || return
	printf '%s\n' "$1" >>"$2" || return 72
	mkdir "$1" && chmod 0755 "$1"
}

parents_remove() {
	[ ! -f "$before/parents" ] || sort -r "$before/parents" | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null; done
	return 0
}

file_save() {
	file_refuse
	if [ -f "$K_path" ]; then
		cp -p "$K_path" "$before/content" || fail 77 "cannot keep a copy of $K_path; is the disk full?"
	else
		: >"$before/absent" || fail 77 "cannot write to $before; is the disk full?"
	fi
}

file_apply() {
	if [ "${K_absent:-}" = 1 ]; then
		rm -f "$K_path"
		return
	fi
	upload=$KIPPER_HOME/upload/${K_sha256:-}
	if [ -n "${K_sha256:-}" ] && [ ! -f "$upload" ]; then exit 12; fi
	parents_make "${K_path%/*}" "$before/parents" || fail 72 "cannot make ${K_path%/*}; is the disk full or read-only?"
	tmp=$(mktemp "${K_path%/*}/.kipper-XXXXXX") || fail 72 "cannot write in ${K_path%/*}; is the disk full or read-only?"
	trap 'rm -f "$tmp"' EXIT
	if [ -n "${K_sha256:-}" ]; then
		mv -f "$upload" "$tmp" || fail 72 "cannot write $K_path; is the disk full?"
		[ "$(file_digest "$tmp")" = "$K_sha256" ] || fail 74 "what arrived for $K_path has another digest"
	else
		printf '%s' "$K_content" >"$tmp" || fail 72 "cannot write $K_path; is the disk full?"
	fi
	chown "$K_owner:$K_group" "$tmp" && chmod "$K_mode" "$tmp" && mv -f "$tmp" "$K_path"
}

file_verify() {
	file_check
}

file_undo() {
	file_refuse
	if [ -f "$before/content" ]; then
		parents_make "${K_path%/*}" /dev/null
		tmp=$(mktemp "${K_path%/*}/.kipper-XXXXXX") && cp -p "$before/content" "$tmp" && mv -f "$tmp" "$K_path"
	else
		rm -f "$K_path" && parents_remove
	fi
}
