# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# As a file of its own: sh host.sh guard_expired | guard_boot | undo_all. On a session's standard input there is no argument.
case ${1:-} in
guard_expired | guard_boot | undo_all) "$1" ;;
esac
