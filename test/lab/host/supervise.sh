#!/bin/sh
# supervise.sh INTERFACE NSPAWN-ARGUMENTS...: boots the host again when it asks for a reboot (systemd-nspawn ends with 133).
interface=$1
shift
while :; do
	systemd-nspawn "$@"
	code=$?
	echo "systemd-nspawn ended with $code"
	[ $code = 133 ] || exit
	# The old interface goes away late, and until then its name is taken.
	ip link delete "$interface" 2>/dev/null
done
