#!/bin/sh
# full_disk.sh PROGRAM FILE_SYSTEM -- Runs PROGRAM on a file system of 64 MiB (xfs: 300 MiB, its
# least) that it mounts for itself: tmpfs, or ext4 or xfs in a file.  Needs root; 77 without.
set -eu
program=$1
kind=$2

skip() {
    echo "SKIP: $*" >&2
    exit 77
}

[ "$(id -u)" -eq 0 ] || skip "only root mounts file systems"
place=$(mktemp -d)
mkdir "$place/mounted"
clean_up() {
    mountpoint -q "$place/mounted" && umount "$place/mounted"
    rm -rf "$place"
}
trap clean_up EXIT

if [ "$kind" = tmpfs ]; then
    mount -t tmpfs -o size=64m strandline "$place/mounted" || skip "tmpfs cannot be mounted"
else
    command -v "mkfs.$kind" >/dev/null || skip "mkfs.$kind is missing"
    size=64M
    [ "$kind" = xfs ] && size=300M
    truncate -s "$size" "$place/image"
    "mkfs.$kind" -q "$place/image" || skip "mkfs.$kind fails"
    mount -o loop "$place/image" "$place/mounted" || skip "$kind cannot be mounted"
fi
"$program" "$place/mounted/data"
