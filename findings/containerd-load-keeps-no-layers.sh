#!/usr/bin/env bash
# Docker's containerd store: an image that is loaded onto layers which are there already does not keep them.
#
# Guessed before: two images of the same layers keep these together, so that `docker rmi` of the one leaves the other as it
# was, as on a graph driver.
#
# Seen: `docker load` writes what keeps unpacked layers (the label `containerd.io/gc.ref.snapshot.overlayfs` on the image's
# config) only where it has unpacked them itself. The second image shares the layers as long as the first is there; when that
# goes, the collector takes what was unpacked although an image has it. `docker history` of the image that stays is an
# error then, and the next container of it unpacks everything again: bytes that seemed to be shared and kept are given back
# by a removal, and come again later.
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

# Images as `docker save` writes them: two of one layer, which differ in when they were made, each in a file of its own.
python3 - <<'ARCHIVES'
import hashlib, io, json, tarfile

def entry(archive, name, data):
    row = tarfile.TarInfo(name)
    row.size = len(data)
    archive.addfile(row, io.BytesIO(data))

content = io.BytesIO()
with tarfile.open(fileobj=content, mode='w') as layer:
    entry(layer, 'file', b'x' * 100_000)
content = content.getvalue()
for name, made in (('first', '2026-03-01T10:00:00Z'), ('second', '2026-03-02T10:00:00Z')):
    config = json.dumps({
        'architecture': 'amd64', 'os': 'linux', 'created': made, 'config': {'Cmd': ['/none']},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(content).hexdigest()]},
        'history': [{'created': made, 'created_by': 'COPY file /'}]}).encode()
    with tarfile.open(name + '.tar', 'w') as archive:
        entry(archive, 'layer.tar', content)
        entry(archive, 'config.json', config)
        entry(archive, 'manifest.json', json.dumps([
            {'Config': 'config.json', 'RepoTags': [name + ':1'], 'Layers': ['layer.tar']}]).encode())
ARCHIVES
layers() { ctr --address "$work/c.sock" --namespace moby snapshots ls | awk 'NR > 1' | wc -l; }
size() { d history --human=false --format '{{.Size}}' "$1"; }

d load --quiet --input first.tar
d load --quiet --input second.tar
echo '-- unpacked layers, and what history says of second:1'
before=$(layers)
echo "$before, $(size second:1) bytes"
d rmi first:1 >/dev/null
echo '-- the same without first:1'
left=$(layers)
after=$(size second:1 2>&1 | sed -E 's/(sha256:.{6})[0-9a-f]*/\1…/') || true
echo "$left, $after"
echo '-- docker create second:1, and the same again'
made=$(d create --network none second:1 2>&1 | sed -E 's/(.{6})[0-9a-f]{58}/\1…/') || true
echo "$made"
again=$(layers)
echo "$again, $(size second:1) bytes"

[[ $before = 1 && $left = 0 && $after = *'does not exist'* && $again = 3 ]]
echo 'as it was found'
