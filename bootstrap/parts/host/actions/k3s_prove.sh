# shellcheck shell=sh disable=SC2154
# Action k3s_prove (K_canary): needs k3s.sh.

# The proof is the check: where it succeeds nothing was changed.
k3s_prove_check() {
	k3s_prove_apply
}

k3s_prove_apply() {
	case ${K_canary:-} in
	'' | *[!a-z0-9-]* | -* | *-) fail 64 "the canary has no usable name" ;;
	esac
	k3s_prove_node && k3s_prove_status && k3s_prove_canary
}

k3s_prove_node() {
	if "$k3s_binary" kubectl get --raw /api/v1/nodes | tr -d ' \n' | grep -q '"type":"Ready","status":"True"'; then return 0; fi
	say "no node of the cluster is Ready"
	return 1
}

k3s_prove_status() {
	status=$("$k3s_binary" secrets-encrypt status -o json) || return
	if printf '%s' "$status" | tr -d ' \t\n' | grep -qi '"enable":true'; then return 0; fi
	say "k3s does not encrypt Secrets: $status"
	return 1
}

# The ConfigMap shows that the search finds what is stored in the clear; the Secret must not be found the same way.
k3s_prove_canary() {
	hidden=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	open=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	[ "${#hidden}" -eq 48 ] && [ "${#open}" -eq 48 ] || return 1
	trap 'k3s_canary_gone' EXIT
	k3s_canary_gone
	k3s_canary_make Secret stringData "$hidden" && k3s_canary_make ConfigMap data "$open" || return
	sleep 1
	if ! k3s_stored "$open"; then
		say "a value stored in the clear was not found below $k3s_data/server/db, so the search proves nothing"
		return 1
	fi
	if k3s_stored "$hidden"; then
		say "a Secret can be read in the files below $k3s_data/server/db"
		return 1
	fi
	printf 'Secrets are encrypted: a canary Secret is not readable below %s/server/db, a ConfigMap is\n' "$k3s_data"
}

k3s_canary_make() {
	printf '{"apiVersion":"v1","kind":"%s","metadata":{"name":"%s","namespace":"default"},"%s":{"value":"%s"}}\n' "$1" "$K_canary" "$2" "$3" |
		"$k3s_binary" kubectl create -f - >/dev/null
}

k3s_canary_gone() {
	"$k3s_binary" kubectl delete --ignore-not-found -n default "secret/$K_canary" "configmap/$K_canary" >/dev/null 2>&1
}

k3s_stored() {
	printf '%s\n' "$1" | grep -r -a -q -F -f - "$k3s_data/server/db"
}

k3s_prove_verify() {
	:
}
