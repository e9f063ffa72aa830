#!/bin/sh
# positions.sh -- --from, --until and --count choose the same records in every way of saying it.
set -eu
strandline=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export STRANDLINE_DATA="$directory/data" NO_COLOR=1

fail() {
    echo "FAILED: $*"
    exit 1
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
}

for i in 0 1 2 3 4 5 6 7 8 9; do
    echo "{\"timestamp\":$((1700000000000 + i * 1000)),\"value\":\"$i\"}"
done | "$strandline" append times --input ndjson --batch-records 2

# reads EXPECTED OPTION...
reads() {
    expected=$1
    shift
    expect "read $*" "$expected" "$("$strandline" read times "$@" --format %s)"
}

reads 0123456789
reads 0123456789 --from earliest
reads '' --from latest
reads 3456789 --from 3
reads '' --from 10
reads 789 --from -3
reads 0123456789 --from -99
reads '' --from -0
reads 56789 --from @1700000005000
reads 56789 --from @1700000004001
reads 56789 --from @2023-11-14T22:13:25Z
reads 56789 --from @2023-11-14T23:13:24.5+01:00
reads 0123456789 --from @0
reads '' --from @1700000009001
reads 345 --from 3 --until 6
reads 34 --from 3 --count 2
reads '' --count 0
reads '' --from 3 --until 3
reads 34 --from 3 --until 5 --count 9
reads 89 --from -2 --isolation written
reads 89 --from -2 --isolation stable
