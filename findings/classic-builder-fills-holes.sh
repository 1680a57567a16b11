#!/usr/bin/env bash
# A hole that a RUN leaves stays one under BuildKit, and is filled by the classic builder and by `docker commit`.
#
# Guessed before: both builders run the same command in a container on overlay2, and what it wrote becomes the layer as it
# lies there: a sparse file takes what it took in the container.
#
# Seen: BuildKit takes the folder that was written as the layer. The classic builder and `docker commit` pack what was
# written into an archive and unpack that again as a new layer; the archive has the zeros of a hole, and they are written.
# A file of 64 MiB with one MiB at its end takes 1 MiB in a container and as a layer of BuildKit's, and 64 MiB as a layer of
# the other two. `docker image ls` says the length, 64 MiB, for each of the three: what an image gives back cannot be
# told from its size, nor from the Dockerfile without the builder.
#
# Needs root. The engine is a private one without networks, on a loop-mounted ext4 in a temporary folder.
set -euo pipefail
packages=(e2fsprogs=1.47.0-2+b2 docker.io=20.10.24+dfsg1-1+deb12u1+b6 containerd=1.6.20~ds1-1+deb12u3 runc=1.1.5+ds1-1+deb12u1
    busybox-static=1:1.35.0-4+deb12u1+b1)

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

truncate --size 1G image.ext4
root/sbin/mkfs.ext4 -q image.ext4
mkdir data
mount -o loop image.ext4 data

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
cp root/bin/busybox image/bin/dd
tar -C image -c . | d import - shell:1 >/dev/null
mkdir context
cat >context/Dockerfile <<'FILE'
FROM shell:1
RUN dd if=/dev/zero of=/sparse bs=1048576 count=1 seek=63
FILE
DOCKER_BUILDKIT=1 d build --quiet --network none --tag buildkit:1 context >/dev/null
DOCKER_BUILDKIT=0 d build --quiet --network none --tag classic:1 context >/dev/null
d run --name writer --network none shell:1 dd if=/dev/zero of=/sparse bs=1048576 count=1 seek=63 2>/dev/null
d commit writer commit:1 >/dev/null
sync --file-system data

# Length and blocks of the file in the layer on top of an image, or in a container.
file() {
    local name=$1 folder
    folder=$(d inspect --format '{{.GraphDriver.Data.UpperDir}}' "$name")
    stat --format "$name: %s bytes long, %b blocks of %B" "$folder/sparse"
}
echo '-- the same file by each way'
found=$(for name in writer buildkit:1 classic:1 commit:1; do file "$name"; done)
echo "$found"
blocks() { sed -nE "s/^$1: 67108864 bytes long, ([0-9]+) blocks of 512$/\\1/p" <<<"$found"; }
# A block or two of the file's own map are the filesystem's.
for name in writer buildkit:1; do (($(blocks "$name") <= 2064)); done
for name in classic:1 commit:1; do (($(blocks "$name") >= 131072)); done
echo '-- and as the engine says it'
d image ls --format '{{.Repository}}: {{.Size}}' | sort
echo 'as it was found'
