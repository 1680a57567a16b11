#!/usr/bin/env bash
# Podman takes `o=size=` of a tmpfs volume for a quota of the disk, and refuses the volume where there is none.
#
# Guessed before: `--opt type=tmpfs --opt device=tmpfs --opt o=size=10m` is what mount gets, as with Docker, so that the
# volume is in memory and at most so large. A name like this has nothing on the disk, whatever the disk is.
#
# Seen: Podman 4.3.1 takes `size` and `inodes` out of `o` before it looks at the type, as project quotas of the
# filesystem that its root lies on. Where that has none, as ext4 here, the volume is not made at all; other options of
# tmpfs pass. The same words make an ordinary volume with a quota elsewhere, so that `size` among a volume's options says
# nothing of where its data lies: `type` and `device` do.
#
# Needs root. Podman's root lies on a loop-mounted ext4 in a temporary folder; nothing is run in it.
set -euo pipefail
packages=(e2fsprogs=1.47.0-2+b2 podman=4.3.1+ds1-8+deb12u1+b3 golang-github-containers-common=0.50.1+ds1-4
    golang-github-containers-image=5.23.1-4 libgpgme11=1.18.0-3+deb12u1 libassuan0=2.5.5-5
    libsubid4=1:4.13+dfsg1-1+deb12u2 libdevmapper1.02.1=2:1.02.185-2 libseccomp2=2.5.4-1+deb12u1
    conmon=2.1.6+ds1-1 runc=1.1.5+ds1-1+deb12u1)

work=$(mktemp -d)
finish() {
    awk -v top="$work/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg -x "$package" root; done
export PATH=$work/root/usr/sbin:$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/$(uname -m)-linux-gnu:$work/root/lib/$(uname -m)-linux-gnu
export CONTAINERS_CONF=$work/root/usr/share/containers/containers.conf XDG_CONFIG_HOME=$work
unset CONTAINER_HOST

truncate --size 200M image.ext4
root/sbin/mkfs.ext4 -q image.ext4
mkdir data
mount -o loop image.ext4 data
p() { podman --root "$work/data/root" --runroot "$work/run" --tmpdir "$work/tmp" --runtime "$work/root/usr/sbin/runc" "$@"; }
p version --format 'Podman {{.Client.Version}}'

# What becomes of a tmpfs volume with an option.
tmpfs() {
    local said
    if said=$(p volume create --opt type=tmpfs --opt device=tmpfs --opt "o=$1" "$2" 2>&1); then
        echo "o=$1: made, $(p volume inspect --format '{{.Options}}' "$2")"
    else
        echo "o=$1: ${said##*Error: }"
    fi
}
found=$(tmpfs mode=1777 one; tmpfs size=10m other)
echo "$found"
[[ $found == *'o=mode=1777: made, map[device:tmpfs o:mode=1777 type:tmpfs]'* ]]
[[ $found == *'o=size=10m: volume options size and inodes not supported. Filesystem does not support Project Quota'* ]]
[[ $(p volume ls --quiet) == one ]]
echo 'as it was found'
