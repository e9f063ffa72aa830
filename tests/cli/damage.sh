#!/bin/sh
# damage.sh -- dump and verify show what is in the files; damage is named, stepped over, and exit code 2.
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

for i in 1 2 3 4 5 6; do
    echo "{\"timestamp\":170000000000$i,\"key\":\"k$i\",\"value\":\"value $i\"}"
done >json
"$strandline" append orders json --input ndjson --batch-records 2 --segment-bytes 1m
log=data/orders-0/00000000000000000000.log

"$strandline" dump "$log" >out
expect "batches" 3 "$(grep -c '^baseOffset: ' out)"
expect "records" 6 "$(grep -c '^| offset: ' out)"
grep -q '^baseOffset: 2 lastOffset: 3 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: -\{0,1\}[0-9]* isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: [0-9]* CreateTime: 1700000000004 size: [0-9]* magic: 2 compresscodec: none crc: [0-9]* isvalid: true$' out ||
    fail "header line: $(cat out)"
grep -q '^| offset: 4 CreateTime: 1700000000005 keySize: 2 valueSize: 7 sequence: -1 headers: \[\] "key":"k5" "payload":"value 5"$' out ||
    fail "record line: $(cat out)"
"$strandline" dump "$log" --json >dumped
"$strandline" read orders --json | cmp dumped - || fail "dump --json is not read --json"
cp "$log" elsewhere.bytes
"$strandline" dump elsewhere.bytes --json | cmp dumped - || fail "the name of the file matters"

"$strandline" verify >out
expect "lines of verify" 2 "$(wc -l <out | tr -d ' ')"
grep -q '^strandline.index ok: ' out || fail "verify: $(cat out)"
grep -q '^orders/0 ok: offsets 0 to 6, 6 records, ' out || fail "verify: $(cat out)"

# Damage in the middle: a bit of the second batch's records.
second=$("$strandline" dump "$log" | sed -n 's/^baseOffset: 2 .* position: \([0-9]*\) .*/\1/p')
printf '\377' | dd of="$log" bs=1 seek=$((second + 70)) conv=notrunc 2>/dev/null
cp "$log" damaged
code=0
"$strandline" dump "$log" --json >out 2>err || code=$?
expect "exit code of dump" 2 "$code"
expect "records around the damage" '0 1 4 5 ' "$(sed 's/{"offset":\([0-9]*\).*/\1/' out | tr '\n' ' ')"
grep -q "position $second" err || fail "dump does not say where: $(cat err)"

code=0
"$strandline" verify >out 2>err || code=$?
expect "exit code of verify" 2 "$code"
grep -q '^orders/0 DAMAGED: ' out || fail "verify: $(cat out)"
code=0
"$strandline" read orders --format '%o ' >out 2>err || code=$?
expect "exit code of read" 2 "$code"
expect "what can be read is read" '0 1 4 5 ' "$(cat out)"
expect "sentences of read" 1 "$(wc -l <err | tr -d ' ')"
rm -f data/strandline.clean # as after a crash: what was closed cleanly is not read again
code=0
echo more | "$strandline" append orders 2>err || code=$?
expect "exit code of append" 2 "$code"
cmp "$log" damaged || fail "something was changed in a damaged log"
"$strandline" list | grep -q quarantined || fail "list does not show it"

# A torn tail is not damage: it is cut when the log is next written, which is said.
seq 1 10 | "$strandline" append torn
printf 'half a batch' >>data/torn-0/00000000000000000000.log
rm -f data/strandline.clean
"$strandline" verify torn >out
grep -q '^  [a-z]*: a tail of 12 bytes that opening for writing will cut off at offset 10: ' out || fail "verify of a torn tail: $(cat out)"
echo 11 | "$strandline" append torn 2>err
expect "sentences about the recovery" 1 "$(grep -c 'recovered torn/0: cut 12 bytes' err)"
expect "records" 11 "$("$strandline" read torn | wc -l | tr -d ' ')"
