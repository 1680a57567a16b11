#!/usr/bin/env bash
# Docker: a volume whose folder a running container mounts by its path is "dangling", and is removed.
#
# Guessed before: the engine knows all its containers' mounts and all its volumes' folders, so a container that mounts
# `<root>/volumes/db/_data` (as podman-compose and hand-written units do) would count as a user of the volume `db`:
# `docker volume rm` would answer 409, `docker volume ls -f dangling=true` would not list it.
#
# Seen: only mounts by *name* count. The volume is listed as dangling, `docker volume rm` takes it under the running
# container, and what the container sees of it is empty from then on. Who wants to know whether a volume is used must
# compare the sources of bind mounts with the volumes' mount points.
#
# Needs root. The engine is a private one in a temporary folder, without networks.
set -euo pipefail
packages=(docker.io=20.10.24+dfsg1-1+deb12u1+b6 containerd=1.6.20~ds1-1+deb12u3 runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1)

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
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
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
echo '{}' >daemon.json
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

mkdir -p image/bin
cp root/bin/busybox image/bin/sh
tar -C image -c . | d import - shell:1 >/dev/null
d volume create db >/dev/null
echo precious >"$work/data/volumes/db/_data/row"
d run --detach --network none --name web --volume "$work/data/volumes/db/_data:/data" shell:1 \
    sh -c 'while :; do sleep 1; done' >/dev/null

echo '-- what the container sees'
before=$(d exec web sh -c 'ls /data')
echo "$before"
echo '-- volumes that nothing uses, says the engine'
dangling=$(d volume ls --quiet --filter dangling=true)
echo "$dangling"
echo '-- docker volume rm db'
removed=$(d volume rm db)
echo "$removed"
echo '-- what the container sees now'
after=$(d exec web sh -c 'ls /data' 2>&1) || true
echo "${after:-(nothing)}"
d rm --force web >/dev/null

[[ $before = row && $dangling = db && $removed = db && $after != *row* ]]
echo 'as it was found'
