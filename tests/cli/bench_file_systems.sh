#!/bin/sh
# bench_file_systems.sh -- strandline-bench where space runs out, and where it cannot be reserved.
# Needs file systems of its own, which only root can mount.
set -eu
bench=$1
directory=$(mktemp -d)
trap 'umount "$directory" 2>/dev/null || true; rmdir "$directory"' EXIT

if [ "$(id -u)" -ne 0 ] || ! mount -t tmpfs -o size=24m none "$directory" 2>/dev/null; then
    echo "SKIP: only root can mount a file system"
    exit 77
fi

fail() {
    echo "FAILED: $*"
    exit 1
}

nothing_left() {
    [ -z "$(ls "$directory")" ] || fail "$1 left files behind: $(ls "$directory")"
}

# refuse SENTENCE ARGUMENT... -- It fails with one sentence, and leaves nothing.
refuse() {
    sentence=$1
    shift
    code=0
    "$bench" "$@" --dir "$directory" >/dev/null 2>"$err" || code=$?
    [ "$code" -eq 1 ] || fail "$* has exit code $code: $(cat "$err")"
    [ "$(wc -l <"$err")" -eq 1 ] || fail "$* said: $(cat "$err")"
    grep -q -e "$sentence" "$err" || fail "$* said: $(cat "$err")"
    nothing_left "$*"
}

err=$(mktemp)
trap 'umount "$directory" 2>/dev/null || true; rmdir "$directory"; rm -f "$err"' EXIT

# Too little is seen before anything is written; what turns out to be too little, when it is.
refuse 'MiB are free and' append --bytes 64m
refuse 'MiB are free and' compare --bytes 16m --works scan
refuse 'No space left' recover --bytes 1m --logs 1000 --record-bytes 64k --batch-records 1
"$bench" append --bytes 4m --runs 1 --seconds 1 --dir "$directory" >/dev/null || fail "4 MiB fit"
nothing_left "4 MiB"
umount "$directory"

# This one has no fallocate(), and does not say how much room it has.
mount -t ramfs none "$directory" || fail "mount -t ramfs"
refuse 'fallocate' append --bytes 1m --runs 1 --sides raw --preparation reserve
for preparation in auto none zero reserve; do
    "$bench" commit --quick --runs 1 --threads 1 --sides strandline --preparation "$preparation" \
        --dir "$directory" >/dev/null || fail "strandline with --preparation $preparation"
    nothing_left "--preparation $preparation"
done
