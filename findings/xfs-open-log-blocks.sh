#!/usr/bin/env bash
# xfs: a log that is being written holds up to twice the blocks of its length, and closing it gives them back.
#
# Guessed before: `st_blocks` of a file without holes is its length rounded up to the filesystem's block, on xfs as on
# ext4; `du` of a container's log tells what emptying it gives back, whoever writes to it, and two looks at a file that
# nobody writes to meanwhile agree.
#
# Seen: xfs allocates ahead of a file that grows by appending, in steps that double (10 MB written, 16.8 MB held), and
# fsync does not take that back; closing the file does. So while a container runs, its log counts for more than its
# length, emptying it gives all of that back, and the same file a moment after the container has stopped is smaller by
# megabytes with not one byte removed. A promise made of the blocks of an open log is right at that moment only.
#
# Needs root, for a loop-mounted filesystem of 600 MB in a temporary folder (sparse).
set -euo pipefail
version='6.1.0-1'

work=$(mktemp -d)
finish() {
    mountpoint -q "$work/disk" && umount "$work/disk"
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "xfsprogs=$version"
dpkg -x xfsprogs_*.deb root
truncate --size 600M image
root/sbin/mkfs.xfs -V
root/sbin/mkfs.xfs -q image
mkdir disk
mount -o loop image disk
echo "Linux $(uname -r | cut -d. -f1,2)"

figures() { stat --format '%s bytes long, %b blocks of %B' disk/log; }
held() { stat --format '%b * 512' disk/log | { read -r sum; echo $((sum)); }; }
length() { stat --format %s disk/log; }

# One descriptor for all of it, as a daemon has that writes a log line by line.
exec 7>>disk/log
line=$(printf '%9999s' '')
for _ in $(seq 1001); do echo "$line"; done >&7
sync disk/log
echo '-- open, after fsync'
figures
open=$(held) long=$(length)
free_open=$(($(stat --file-system --format '%a * %S' disk)))
exec 7>&-
echo '-- closed'
figures
closed=$(held)
sync --file-system disk
free_closed=$(($(stat --file-system --format '%a * %S' disk)))
echo "-- closing it gave back $((free_closed - free_open)) bytes"

((long == 10010000 && closed - long < 4096))
((open > long + 4000000))
((free_closed - free_open > 4000000))
echo 'as it was found'
