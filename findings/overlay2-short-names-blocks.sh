#!/usr/bin/env bash
# overlay2 on ext4: the short name of a layer takes a block of its own, unless BuildKit has made the layer.
#
# Guessed before: `overlay2/l` holds a symbolic link for each layer, so that a mount of many layers fits into one page
# of options, and a link lies in its inode: all of `l` is one folder, however many layers there are.
#
# Seen: ext4 keeps a target in the inode only below 60 bytes. `../<64 digits>/diff`, which the engine writes for what it
# pulls, loads, imports or puts under a container, has 72, so that each such layer takes 4096 bytes more than its
# folder; a container has two of them. BuildKit names folders with 25 letters and digits: its links take nothing. Who
# adds up what goes with a layer by its folder alone is short by a block a layer, on the same store with and without.
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
tar -C image -c . | d import - shell:1 >/dev/null
d create --name idle --network none shell:1 sh >/dev/null
mkdir context
printf 'FROM shell:1\nCOPY Dockerfile /file\n' >context/Dockerfile
DOCKER_BUILDKIT=1 d build --quiet --tag built:1 context >/dev/null
sync --file-system data

# Digits of the folder's name, bytes of the target, blocks of the link.
links() {
    local link target folder
    for link in data/overlay2/l/*; do
        target=$(readlink "$link")
        folder=${target#../}
        folder=${folder%/diff}
        # The layer put under a container is named after the container's own.
        folder=${folder%-init}
        printf '%d letters in the name, %d bytes of target, %d bytes of blocks\n' "${#folder}" "${#target}" \
            "$(($(stat --format '%b * 512' "$link")))"
    done | sort | uniq --count
}
echo '-- the links of an imported image, of a container on it (two), and of what BuildKit made'
found=$(links)
echo "$found"
[[ $found == *'64 letters in the name, 72 bytes of target, 4096 bytes of blocks'* ]]
[[ $found == *'25 letters in the name, 33 bytes of target, 0 bytes of blocks'* ]]
echo 'as it was found'
