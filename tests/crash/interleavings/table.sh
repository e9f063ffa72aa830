#!/bin/sh
# table.sh DIRECTORY [NAME ...] -- Runs the programs interleavings_NAME in DIRECTORY, each until it
# finds its bug, and prints a table.  Fails unless each is found within the seeds that its patch
# names.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# What xargs calls: table.sh --bug DIRECTORY RESULTS NAME
if [ "$1" = --bug ]; then
    seeds=$(sed -n 's/^Seeds: //p' "$here/$4.patch")
    began=$(date +%s.%N)
    status=0
    "$2/interleavings_$4" "$seeds" >"$3/$4.said" 2>&1 || status=$?
    ended=$(date +%s.%N)
    printf '%s\t%s\n' "$status" "$(awk "BEGIN { printf \"%.1f\", $ended - $began }")" >"$3/$4"
    exit
fi

# How the bug shows itself: the sentence of the check, of the scheduler, or of the assertion.
sentence() {
    sed -n '/^seed /d; /^it dies/d; s/^strandline: //; s/^scheduler: //; p; q' "$1"
}

directory=$1
shift
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
if [ $# -eq 0 ]; then
    for patch in "$here"/*.patch; do
        name=${patch##*/}
        set -- "$@" "${name%.patch}"
    done
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0" --bug "$directory" "$results"

failures=0
echo "| bug | seed | seconds | what is said |"
echo "|---|---|---|---|"
for name in "$@"; do
    IFS='	' read -r status seconds <"$results/$name"
    said=$results/$name.said
    seed=$(sed -n "s/^.*again: .*interleavings_$name 1 \([0-9]*\)\$/\1/p
        s/^.*again: .*--replay \([0-9]*\) .*/\1/p" "$said" | tail -n 1)
    if [ "$status" -eq 0 ] || [ -z "$seed" ]; then
        failures=$((failures + 1))
        echo "$name: not found, status $status: $(tail -n 1 "$said")" >&2
        seed=-
    fi
    echo "| $(sed -n 1p "$here/$name.patch") (\`$name\`) | $seed | $seconds | $(sentence "$said" | cut -c1-100) |"
done
echo
echo "$# bugs, $failures not found"
[ "$failures" -eq 0 ]
