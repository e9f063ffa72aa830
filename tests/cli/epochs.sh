#!/bin/sh
# epochs.sh -- epochs shows the history of leaders: our own, and one that a broker wrote.
set -eu
strandline=$1
fixtures=$(cd "$(dirname "$0")/../fixtures/kafka" && pwd)
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export STRANDLINE_DATA="$directory/data" NO_COLOR=1
command -v jq >/dev/null || {
    echo "SKIP: no jq"
    exit 77
}

fail() {
    echo "FAILED: $*"
    exit 1
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
}

seq 1 30 | "$strandline" append orders
"$strandline" epochs orders >out
expect "text" 'EPOCH START END 0 0 30 ' "$(tr -s ' ' <out | sed 's/^ //' | tr '\n' ' ')"
expect "JSON" '{"epoch":0,"start_offset":0,"end_offset":30}' "$("$strandline" epochs orders --json)"
expect "a partition" "$(cat out)" "$("$strandline" epochs orders/0)"

code=0
"$strandline" epochs missing 2>err || code=$?
expect "exit code for a log that is not there" 1 "$code"
expect "sentences" 1 "$(wc -l <err | tr -d ' ')"
code=0
"$strandline" epochs 2>err || code=$?
expect "exit code without a log" 64 "$code"

# A broker's, with several leaders.
mkdir kafka
cp -r "$fixtures/segments/mixed-0" "$fixtures"/files/* kafka/
"$strandline" epochs mixed --data kafka --json >out
jq -e -s '. == [{epoch: 0, start_offset: 0, end_offset: 35}, {epoch: 1, start_offset: 35, end_offset: 70},
    {epoch: 2, start_offset: 70, end_offset: 1000}, {epoch: 5, start_offset: 1000, end_offset: 1016}]' \
    out >/dev/null || fail "$(cat out)"
[ ! -e kafka/.lock ] || fail "a reader has taken the lock"
