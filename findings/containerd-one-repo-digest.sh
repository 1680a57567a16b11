#!/usr/bin/env bash
# Docker's containerd store: the list of images tells one digest an image, that of the name which comes last in the alphabet;
# inspect tells one for each repository.
#
# Guessed before: `RepoDigests` means the same in `/images/json` and in `/images/{name}/json`, as on a graph driver: so
# `docker images --digests` shows beside each name of an image the digest that inspect has for it.
#
# Seen: inspect has a `repository@sha256:…` for every repository that the image has a tag in. The list has a single one, and
# `docker images --digests` shows `<none>` for all other names of the same image. Which one it is changes with names that
# come and go: a new name takes it over if it is later in the alphabet, and a name that goes leaves it to the one before.
# Whoever looks for an image by a digest in the list misses it under all names but one.
#
# Needs root and the keys of Debian's archive. The engine is a private one in a temporary folder, without networks.
set -euo pipefail
packages=(docker.io=26.1.5+dfsg1-9+deb13u1+b1 docker-cli=26.1.5+dfsg1-9+deb13u1+b1 containerd=1.7.24~ds1-6+deb13u1)

work=$(mktemp -d)
engine=()
finish() {
    for pid in "${engine[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait || true
    awk -v top="$work/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
mkdir -p apt/state/lists/partial apt/cache/archives/partial
: >apt/status
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >apt/sources
private_apt() {
    apt-get -qq -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status" \
        -o Dir::Cache="$work/apt/cache" -o Dir::Etc::sourcelist="$work/apt/sources" \
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User= "$@"
}
private_apt update
private_apt download "${packages[@]}"
for package in *.deb; do dpkg -x "$package" root; done
export PATH=$work/root/usr/sbin:$work/root/usr/bin:$PATH
unset DOCKER_HOST DOCKER_CONTEXT

cat >containerd.toml <<CONFIG
version = 2
root = "$work/c/root"
state = "$work/c/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/c.sock"
CONFIG
echo '{"features": {"containerd-snapshotter": true}}' >daemon.json
containerd --config containerd.toml >containerd.log 2>&1 &
engine+=($!)
dockerd --config-file daemon.json --containerd "$work/c.sock" --data-root "$work/data" --exec-root "$work/exec" \
    --host "unix://$work/d.sock" --pidfile "$work/pid" --iptables=false --ip6tables=false --bridge=none \
    >dockerd.log 2>&1 &
engine=($! "${engine[@]}")
d() { docker --config "$work" --host "unix://$work/d.sock" "$@"; }
for _ in $(seq 300); do d version >/dev/null 2>&1 && break; sleep 0.1; done
d version --format 'Docker {{.Server.Version}}'
[[ $(d info --format '{{.DockerRootDir}}') == "$work/data" ]]

mkdir image
echo some >image/file
tar -C image -c . | d import - b/two:1 >/dev/null
listed() {
    d images --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}' | sort |
        sed -E 's/(sha256:.{6})[0-9a-f]*/\1…/'
}
inspected() {
    d image inspect --format '{{join .RepoDigests "\n"}}' "$1" | sed -E 's/@sha256:(.{6}).*/@sha256:\1…/'
}
with_digest() { listed | grep -v '<none>' | cut -d ' ' -f 1; }

d tag b/two:1 a/one:1
echo '-- inspect of an image that is called a/one:1 and b/two:1'
told=$(inspected a/one:1)
echo "$told"
echo '-- the list'
listed
first=$(with_digest)
echo '-- the list with c/three:1 besides'
d tag b/two:1 c/three:1
listed
later=$(with_digest)
echo '-- the list without b/two:1 and c/three:1'
d rmi b/two:1 c/three:1 >/dev/null
listed
left=$(with_digest)

[[ $(wc -l <<<"$told") = 2 && $first = b/two:1 && $later = c/three:1 && $left = a/one:1 ]]
echo 'as it was found'
