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
