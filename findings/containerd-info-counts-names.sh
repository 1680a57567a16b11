#!/usr/bin/env bash
# Docker's containerd store: `docker info` counts names of images, `docker system df` counts images.
#
# Guessed before: `Images` of `/info`, which monitors draw and which `docker info` prints, is the number of images, as on a
# graph driver, and the TOTAL of `docker system df`.
#
# Seen: a second and a third tag of the same image make it two and three, while df goes on saying one, and `docker images
# --quiet` has one ID. So a rising number of images on this store may be one image that is tagged with each commit, and
# costs nothing.
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

counts() {
    local info df ids
    info=$(d info --format '{{.Images}}')
    df=$(d system df --format '{{.Type}} {{.TotalCount}}' | sed -n 's/^Images //p')
    ids=$(d images --quiet | sort -u | wc -l)
    echo "info $info, df $df, IDs $ids"
}

mkdir image
echo some >image/file
tar -C image -c . | d import - app:1 >/dev/null
echo '-- one image by one name'
one=$(counts)
echo "$one"
echo '-- the same image by three'
d tag app:1 app:2
d tag app:1 app:latest
three=$(counts)
echo "$three"

[[ $one = 'info 1, df 1, IDs 1' && $three = 'info 3, df 1, IDs 1' ]]
echo 'as it was found'
