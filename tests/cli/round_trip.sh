#!/bin/sh
# round_trip.sh -- What goes in by any form of input comes out by any form of output.
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

# Lines: empty ones, bytes that are no text, and one without a line feed.
printf 'one\n\n\377\376\r\nlast' >lines
summary=$("$strandline" append orders lines --json)
expect "summary" '{"topic":"orders","partition":0,"records":4,"first_offset":0,"last_offset":3,"durable":true}' \
    "$summary"
"$strandline" read orders >out
printf 'one\n\n\377\376\r\nlast\n' | cmp - out || fail "lines differ"

# The same through a pipe, behind what is there; written is not durable.
summary=$("$strandline" append orders --json --durability written <lines)
expect "second summary" \
    '{"topic":"orders","partition":0,"records":4,"first_offset":4,"last_offset":7,"durable":false}' \
    "$summary"

# Nothing is no record.
summary=$("$strandline" append orders/7 --json </dev/null)
expect "empty summary" \
    '{"topic":"orders","partition":7,"records":0,"first_offset":null,"last_offset":null,"durable":true}' \
    "$summary"

# Keys.
printf 'k1:v1\nno key\n:empty key\nk2:\n' | "$strandline" append keys --key-separator : 
expect "keys" 'k1|2|v1|2;|-1|no key|6;|0|empty key|9;k2|2||0;' \
    "$("$strandline" read keys --format '%k|%K|%s|%S;')"

# JSON: what read prints is what append reads, byte for byte (offsets are assigned anew).
cat >json <<'END'
{"offset":0,"timestamp":1700000000000,"key":"a","value":"x\u0000\"\\ä€😀","headers":[]}
{"offset":1,"timestamp":1700000000001,"key":null,"value":null,"headers":[{"key":"h","value":"1"},{"key":"h","value":null}]}
{"offset":2,"timestamp":1699999999999,"key_base64":"//4=","value_base64":"gA==","headers":[{"key":"b","value_base64":"/w=="}]}
{"offset":3,"timestamp":-1,"key":"","value":"","headers":[]}
END
"$strandline" append json json --input ndjson
"$strandline" read json --json >out
cmp json out || fail "JSON differs"
"$strandline" read json --json | "$strandline" append copy --input ndjson --codec lz4
"$strandline" read copy --json | cmp json - || fail "JSON differs after a second round"
expect "headers" 'h=1,h=NULL' "$("$strandline" read json --from 1 --count 1 --format %h)"

# Length-prefixed, through kcat's %R.
printf '\000\000\000\003a\nb\000\000\000\000\000\000\000\001\377' >length
"$strandline" append length length --input length
"$strandline" read length --format '%R%s' | cmp length - || fail "length-prefixed differs"

# Batches: their size is what was asked for, whatever the size of the reads.
seq 1 10 | "$strandline" append batches --batch-records 3 --acks >acks
expect "acks" '0 2 3 5 6 8 9 9 ' "$(tr '\n' ' ' <acks)"
seq 1 100000 >numbers
"$strandline" append large numbers --batch-bytes 4k --segment-bytes 256k
"$strandline" read large | cmp numbers - || fail "numbers differ"
[ "$(ls data/large-0/*.log | wc -l)" -gt 2 ] || fail "segments did not roll"
largest=$("$strandline" dump data/large-0/00000000000000000000.log |
    sed -n 's/.* size: \([0-9]*\) magic.*/\1/p' | sort -n | tail -1)
[ "$largest" -le 4096 ] && [ "$largest" -gt 4000 ] || fail "largest batch has $largest bytes"

# A record may be larger than a batch is meant to be, up to the limit.
head -c 1000000 /dev/zero | tr '\0' x >big
"$strandline" append big big
expect "size of the big record" 1000000 "$("$strandline" read big --format %S)"
