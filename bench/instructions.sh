#!/bin/sh
# instructions.sh PROGRAM [--record] -- How many instructions the hot paths of the library take, counted
# by valgrind, against what instructions.txt has: a path that takes more, or less, by the tolerance that
# stands there is a failure.  --record writes the file anew.
#
# Only instructions of this process count, not the kernel's.  Counts are the same on every run and every
# machine, but not with every compiler and C library: with others than those recorded nothing is compared.
set -eu
program=$1
mode=${2-}
counts=$(cd "$(dirname "$0")" && pwd)/instructions.txt
paths='append append-64 fetch-active fetch-older cursor-next'

if ! command -v valgrind >/dev/null; then
    echo "SKIP: valgrind is not installed"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count PATH -- Instructions for one time.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='hot_path*' \
        "$program" "$1" "$work/$1" >"$work/times" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    awk 'FNR == NR { times = $1 } / Collected : / { print int($NF / times) }' "$work/times" "$work/log"
}

made_with="$(uname -m), gcc $(readelf -p .comment "$program" | sed -n 's/.*GCC: .* //p' | head -n 1), $(getconf GNU_LIBC_VERSION)"

if [ "$mode" = --record ]; then
    {
        echo "# Instructions that a hot path takes once; bench/instructions.sh PROGRAM --record writes this."
        echo "made-with $made_with"
        echo "tolerance-percent 3"
        for path in $paths; do
            echo "$path $(count "$path")"
        done
    } >"$work/new"
    cp "$work/new" "$counts"
    exit 0
fi

recorded_with=$(sed -n 's/^made-with //p' "$counts")
if [ "$made_with" != "$recorded_with" ]; then
    echo "SKIP: made with $made_with, but counted with $recorded_with"
    exit 77
fi

failures=0
tolerance=$(sed -n 's/^tolerance-percent //p' "$counts")
for path in $paths; do
    then=$(sed -n "s/^$path //p" "$counts")
    now=$(count "$path")
    [ -n "$then" ] && [ -n "$now" ] || { echo "$path was not counted"; exit 1; }
    verdict=$(awk -v now="$now" -v then="$then" -v tolerance="$tolerance" 'BEGIN {
        change = (now - then) * 100 / then
        printf "%+.1f %%", change
        if (change > tolerance)
            print ": SLOWER than recorded"
        else if (change < -tolerance)
            print ": less than recorded: record it, so that it stays so"
        else
            print ""
    }')
    printf '%-14s %6d instructions, recorded %6d, %s\n' "$path" "$now" "$then" "$verdict"
    case $verdict in *:*) failures=$((failures + 1)) ;; esac
done
[ "$failures" -eq 0 ]
