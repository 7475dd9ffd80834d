# shellcheck shell=sh
probe_sshd_words='^(port|listenaddress|addressfamily|permitrootlogin|passwordauthentication|kbdinteractiveauthentication|challengeresponseauthentication|permitemptypasswords|pubkeyauthentication|authenticationmethods|usepam|maxauthtries|logingracetime|clientaliveinterval|clientalivecountmax|x11forwarding|allowagentforwarding|allowtcpforwarding|disableforwarding|permitopen|maxstartups|loglevel|allowusers|allowgroups|denyusers|denygroups|authorizedkeysfile|authorizedkeyscommand|strictmodes|forcecommand|chrootdirectory) '

probe_sshd() {
	made=
	[ -d /run/sshd ] || { mkdir -m 755 /run/sshd && made=yes; }
	/usr/sbin/sshd -T "$@" | grep -E "$probe_sshd_words"
	probe_sshd_status=$?
	[ -z "$made" ] || rmdir /run/sshd
	return "$probe_sshd_status"
}
# With socket activation systemd removes /run/sshd whenever a connection ends, also between two lines here.
probe_sshd_answer=$(probe_sshd 2>/dev/null || probe_sshd 2>/dev/null || probe_sshd 2>/dev/null)
section sshd printf '%s\n' "$probe_sshd_answer"
# Whole, and only where drop-in files are not read: an Include has to stand in it then. `=` keeps its empty lines.
probe_sshd_main() {
	grep -qiE '^[[:space:]]*include[[:space:]].*sshd_config\.d/(\*|00-kipper)\.conf' /etc/ssh/sshd_config && return 1
	sed 's/^/=/' /etc/ssh/sshd_config
}
section sshd_main probe_sshd_main
section sshd_files tagged /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf

# Accounts with a login shell and a name that is safe to hand on: `name home uid`.
probe_people() {
	awk -F: '$1 ~ /^[A-Za-z0-9_][A-Za-z0-9._-]*$/ && $6 ~ /^\/[A-Za-z0-9._\/@+-]*$/ && $7 !~ /(nologin|false|sync|shutdown|halt)$/ && n++ < 40 { print $1, $6, $3 }' /etc/passwd
}

# `key USER PATH open restricted` and `stat PATH mode uid` for each place where sshd looks for keys.
probe_keys() {
	patterns=$(printf '%s\n' "$probe_sshd_answer" | sed -n 's/^authorizedkeysfile //p')
	seen=
	probe_people | {
		while read -r name home uid; do
			for pattern in ${patterns:-.ssh/authorized_keys .ssh/authorized_keys2}; do
				path=$pattern
				case $path in *%*) path=$(printf '%s\n' "$path" | sed "s|%%|%|g; s|%h|$home|g; s|%u|$name|g; s|%U|$uid|g") ;; esac
				case $path in /*) ;; none) continue ;; *) path=$home/$path ;; esac
				[ -f "$path" ] || continue
				awk -v who="$name" -v path="$path" '
					/^[ \t]*(#|$)/ { next }
					!/(^|[ \t,"])((sk-)?ssh-|ecdsa-sha2-|(sk-)?ecdsa)[^ \t]*[ \t]+AAAA/ { next }
					/^[ \t]*((sk-)?ssh-|ecdsa-|sk-ecdsa-)/ { open++; next }
					/command=|from=|expiry-time=|cert-authority|restrict|no-pty/ { bound++; next }
					{ open++ }
					END { print "key", who, path, open + 0, bound + 0 }' "$path"
				seen="$seen $path"
				while [ "$path" != "$home" ] && [ "${path%/*}" != "$path" ] && [ -n "${path%/*}" ]; do
					path=${path%/*}
					seen="$seen $path"
				done
			done
		done
		# shellcheck disable=SC2086
		[ -z "$seen" ] || stat -L -c 'stat %n %a %u' $seen | sort -u
	}
}
section keys probe_keys

# What Match blocks make of each account; without any the answers above hold for all.
probe_sshd_users() {
	grep -qiE '^[[:space:]]*match[[:space:]]' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf || return 0
	probe_people | while read -r name _; do
		probe_sshd -C "user=$name,host=host.invalid,addr=203.0.113.1" | sed "s/^/$name /"
	done
}
section sshd_users probe_sshd_users
