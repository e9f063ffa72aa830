#!/bin/sh
# cut.sh -- truncate, trim and delete take away what was named, and list shows what is left.
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

seq 1 100 | "$strandline" append orders --batch-records 10
seq 1 10 | "$strandline" append a-longer-name/12

"$strandline" list >out
expect "lines" 3 "$(wc -l <out | tr -d ' ')"
expect "headings" 'TOPIC PARTITION START COMMITTED END BYTES SEGMENTS STATE' "$(sed -n 1p out | tr -s ' ')"
sed -n 2p out | grep -q '^a-longer-name  *12  *0  *10  *10  *[0-9]*  *1  healthy$' || fail "$(cat out)"
sed -n 3p out | grep -q '^orders  *0  *0  *100  *100  *[0-9]*  *1  healthy$' || fail "$(cat out)"
widths=$(sed 's/healthy$//; s/STATE$//' out | awk '{ print length }' | sort -u | wc -l | tr -d ' ')
expect "columns are aligned" 1 "$widths"
"$strandline" list --json | sed 's/"bytes":[0-9]*/"bytes":0/' >out
expect "JSON" '{"topic":"orders","partition":0,"log_start":0,"high_watermark":100,"log_end":100,"bytes":0,"segments":1,"state":"healthy","reason":""}' \
    "$(sed -n 2p out)"

expect "truncate" 'orders/0 ends at 50' "$("$strandline" truncate orders --to 55)"
expect "last record" 50 "$("$strandline" read orders --from -1)"
expect "trim" 'orders/0 starts at 20' "$("$strandline" trim orders/0 --to 20)"
expect "first record" 21 "$("$strandline" read orders --count 1)"
expect "again" 'orders/0 starts at 20' "$("$strandline" trim orders/0 --to 10)"

code=0
"$strandline" trim orders --to 51 2>err || code=$?
expect "exit code of a trim beyond the end" 1 "$code"
code=0
"$strandline" read orders --from 19 2>err || code=$?
expect "exit code of reading what was trimmed" 1 "$code"
expect "sentences" 1 "$(wc -l <err | tr -d ' ')"

"$strandline" delete a-longer-name/12
[ ! -e data/a-longer-name-12 ] || fail "delete left the directory"
expect "logs left" 2 "$("$strandline" list | wc -l | tr -d ' ')"
echo again | "$strandline" append orders
expect "numbers go on" 50 "$("$strandline" read orders --from -1 --format %o)"
