#!/usr/bin/env bash
# btrfs: blocks of small files say several times what the files take; those of long links on xfs say nothing.
#
# Guessed before: st_blocks is what a file takes of the disk, on every filesystem. The sum over a folder, which du
# prints, would be what the filesystem gains when the folder goes, give or take the folders themselves.
#
# Seen: btrfs keeps a file of a few bytes inside its metadata and says eight sectors (4,096 bytes) for each, so that
# du promises several times what comes back. xfs keeps a link of 100 letters inside its inode and says 0 for it, while
# each takes an inode of 512 bytes. A sum of blocks is neither a lower nor an upper bound there.
#
# Needs root, and a kernel that mounts both.
set -euo pipefail
packages=(btrfs-progs=6.2-1+deb12u2 xfsprogs=6.1.0-1)
count=20000

work=$(mktemp -d)
finish() {
    for folder in btrfs xfs; do umount "$work/$folder" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg -x "$package" root; done
find root -name 'mkfs.btrfs' -o -name 'mkfs.xfs' | sort | while read -r tool; do "$tool" --version 2>/dev/null || "$tool" -V; done
uname -r

truncate -s 600M btrfs.img xfs.img
mkdir btrfs xfs
"$(find root -name mkfs.btrfs)" --quiet btrfs.img
"$(find root -name mkfs.xfs)" -q xfs.img
mount -o loop btrfs.img btrfs
mount -o loop xfs.img xfs

used() { sync -f "$1"; stat --file-system --format '%b %f %S' "$1" | awk '{ print ($1 - $2) * $3 }'; }
blocks() { find "$1" -mindepth 1 ! -type d -printf '%b\n' | awk '{ sum += $1 } END { print sum * 512 }'; }

mkdir btrfs/d xfs/d
before=$(used btrfs)
for ((i = 0; i < count; i++)); do echo 123456789 >"btrfs/d/$i"; done
said=$(blocks btrfs/d)
took=$(($(used btrfs) - before))
echo "btrfs: $count files of 10 bytes: blocks say $said, the filesystem lost $took"

before=$(used xfs)
target=$(printf 'x%.0s' {1..100})
for ((i = 0; i < 2000; i++)); do ln -s "$target" "xfs/d/$i"; done
links=$(blocks xfs/d)
gone=$(($(used xfs) - before))
echo "xfs: 2000 links of 100 letters: blocks say $links, the filesystem lost $gone"

((said == count * 4096 && took > 0 && took * 2 < said))
((links == 0 && gone >= 2000 * 512))
echo 'as it was found'
