#!/usr/bin/env bash
# Builds what the lab's clusters need into ${KIPPER_LAB_CACHE:-~/.cache/kipper-lab} and lists it in
# artifacts.json there. A part whose sources are unchanged is not touched. Needs Go and Node.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${KIPPER_LAB_CACHE:-$HOME/.cache/kipper-lab}
mkdir -p "$cache"/{bin,images,keys,src}
cd "$here"

# Two runs at once would build the same thing twice on the same cores.
exec 9>"$cache/build.lock"
flock 9

arch=$(go env GOARCH)
go_version=$(go env GOVERSION)
proxy=$(go env GOPROXY)
# Without ",direct" no code host is ever asked: what the proxy lacks is an error, not a download.
export GOPROXY=${proxy%,direct} GOFLAGS='' GOWORK=off CGO_ENABLED=0 GOARCH=$arch

pinned() { awk -v module="$2" '$1 == "require" { $0 = substr($0, 9) } $1 == module { print $2; exit }' "$1/go.mod"; }
k8s=$(pinned k3s k8s.io/kubernetes)
traefik=$(pinned parts/traefik github.com/traefik/traefik/v3)
coredns=$(pinned parts/coredns github.com/coredns/coredns)
k3s=$k8s+k3s1
pause_image=registry.k8s.io/pause:3.10
coredns_image=docker.io/rancher/mirrored-coredns-coredns:${coredns#v}
traefik_image=docker.io/library/traefik:$traefik

changed=''

# part NAME OUTPUT SOURCES -- COMMAND...: runs the command unless OUTPUT was made from these sources.
part() {
	local name=$1 output=$2 sources=$3 key began
	shift 4
	# shellcheck disable=SC2086  # a list of paths
	key=$({ echo "$go_version $arch $*" && declare -f "$1" && find $sources -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
	if [ -e "$output" ] && [ "$(cat "$cache/keys/$name" 2>/dev/null)" = "$key" ]; then return; fi
	echo "$name: building"
	began=$SECONDS
	"$@"
	echo "$key" >"$cache/keys/$name"
	changed=yes
	echo "$name: done in $((SECONDS - began)) s, $(du -Lh "$output" | cut -f1)"
}

# go_build NAME FOLDER PACKAGE [LDFLAGS]
go_build() {
	nice go -C "$2" build -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w ${4:-}" -o "$cache/bin/.$1" "$3"
	mv "$cache/bin/.$1" "$cache/bin/$1"
}

# Traefik's module needs three substitutes: lego's table of DNS-01 providers (left empty), its fork of
# go-http-auth (upstream plus two functions), and an extension module that is not in its module zip.
build_traefik() {
	local work=$cache/src/traefik lego auth
	rm -rf "$work"
	cp -r parts/traefik "$work"
	lego=$(module_folder github.com/go-acme/lego/v5@v5.4.1)
	auth=$(module_folder github.com/abbot/go-http-auth@v0.4.0)
	cp -r "$lego" "$work/.lego"
	cp -r "$auth" "$work/.goauth"
	chmod -R u+w "$work"
	cp "$work/stub/dns_providers.go.txt" "$work/.lego/providers/dns/zz_gen_dns_providers.go"
	cp "$work/stub/compat.go.txt" "$work/.goauth/compat.go"
	printf 'module github.com/abbot/go-http-auth\n\ngo 1.20\n' >"$work/.goauth/go.mod"
	go_build traefik "$work" github.com/traefik/traefik/v3/cmd/traefik "-X github.com/traefik/traefik/v3/pkg/version.Version=${traefik#v}"
}

module_folder() { (cd / && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p'); }

# pack NAME IMAGE=BINARY@PATH[@USER]...: one archive, and the digests of its images beside it.
pack() {
	local out=$cache/images/$1.tar
	node images/pack.mjs "$out" "${@:2}" >"$out.digests"
}

pack_zst() {
	pack "$@"
	"$cache/bin/zst" <"$cache/images/$1.tar" >"$cache/images/.$1"
	mv "$cache/images/.$1" "$cache/images/$1.tar.zst"
	rm "$cache/images/$1.tar"
}

version=k8s.io/component-base/version
k3s_flags="-X $version.gitVersion=$k3s -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$k8s")"
k3s_flags+=" -X $version.gitTreeState=clean -X $version.gitCommit=lab -X $version.buildDate=2026-01-01T00:00:00Z"
k3s_flags+=" -X main.corednsImage=$coredns_image"

bin=$cache/bin
for name in pause crash zst; do
	part $name "$bin/$name" images/$name -- go_build $name images/$name .
done
part httpd-1 "$bin/httpd-1" images/httpd -- go_build httpd-1 images/httpd . '-X main.version=1'
part httpd-2 "$bin/httpd-2" images/httpd -- go_build httpd-2 images/httpd . '-X main.version=2'
part k3s "$bin/k3s" k3s -- go_build k3s k3s . "$k3s_flags"
part coredns "$bin/coredns" parts/coredns -- go_build coredns parts/coredns github.com/coredns/coredns
part registry "$bin/registry" parts/registry -- go_build registry parts/registry github.com/distribution/distribution/v3/cmd/registry
part traefik "$bin/traefik" parts/traefik -- build_traefik

# The keys of the binaries stand for them: hashing the binaries themselves would take longer.
keys=$cache/keys
packer="images/pack.mjs images/archive.mjs"
airgap=k3s-airgap-images-$arch
traefik_archive=traefik-image-$arch
part "$airgap" "$cache/images/$airgap.tar.zst" "$packer $keys/pause $keys/coredns $keys/zst" -- \
	pack_zst "$airgap" "docker.io/rancher/mirrored-pause:3.6=$bin/pause@pause" "$pause_image=$bin/pause@pause" "$coredns_image=$bin/coredns@coredns@0:0"
part "$traefik_archive" "$cache/images/$traefik_archive.tar.zst" "$packer $keys/traefik $keys/zst" -- \
	pack_zst "$traefik_archive" "$traefik_image=$bin/traefik@usr/local/bin/traefik"
part httpd-1-image "$cache/images/httpd-1.tar" "$packer $keys/httpd-1" -- pack httpd-1 "kipper-lab/httpd:1=$bin/httpd-1@httpd"
part httpd-2-image "$cache/images/httpd-2.tar" "$packer $keys/httpd-2" -- pack httpd-2 "kipper-lab/httpd:2=$bin/httpd-2@httpd"
part httpd-root-image "$cache/images/httpd-root-1.tar" "$packer $keys/httpd-1" -- pack httpd-root-1 "kipper-lab/httpd-root:1=$bin/httpd-1@httpd@0:0"
part crash-image "$cache/images/crash-1.tar" "$packer $keys/crash" -- pack crash-1 "kipper-lab/crash:1=$bin/crash@crash"

if [ -n "$changed" ] || [ ! -e "$cache/artifacts.json" ] || [ images/artifacts.mjs -nt "$cache/artifacts.json" ]; then
	node images/artifacts.mjs "$cache/artifacts.json" "$arch" "k3s=$k3s=$bin/k3s" \
		"k3s-airgap-images=$k3s=$cache/images/$airgap.tar.zst" "traefik-image=$traefik=$cache/images/$traefik_archive.tar.zst"
	echo "artifacts: $cache/artifacts.json"
fi
