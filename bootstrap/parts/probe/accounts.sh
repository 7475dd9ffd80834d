# shellcheck shell=sh disable=SC2016
section passwd awk -F: 'NR <= 2000 { print $1 ":" $3 ":" $4 ":" $6 ":" $7 }' /etc/passwd
section groups awk -F: '$4 != "" { print $1 ":" $3 ":" $4 } $4 == "" { print $1 ":" $3 ":" }' /etc/group
section shells grep '^/' /etc/shells
# The kind of each password, never its hash: locked, empty or set.
section passwords awk -F: '{ kind = $2 == "" ? "empty" : ($2 ~ /^[!*]/ ? "locked" : "set"); print $1, kind, ($8 == "" ? "-" : $8) }' /etc/shadow
section name_services awk '$1 == "passwd:" { $1 = ""; print }' /etc/nsswitch.conf
