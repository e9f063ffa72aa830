#!/bin/sh
# kafka_files.sh -- dump shows the files that a broker keeps beside its segments, and says when they are
# damaged.  What Kafka itself says about the same files is compared in tests/compat/dump.sh.
set -eu
strandline=$1
fixtures=$(cd "$(dirname "$0")/../fixtures/kafka" && pwd)
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export NO_COLOR=1
cp "$fixtures"/segments/mixed-0/* "$fixtures"/files/* .

fail() {
    echo "FAILED: $*"
    exit 1
}

# shows FILE EXPECTED [OPTION] -- EXPECTED has ; for the end of a line.
shows() {
    # shellcheck disable=SC2086 # perhaps no option
    actual=$("$strandline" dump "$1" ${3-} | tr '\n' ';')
    [ "$2" = "$actual" ] || fail "$1: expected [$2], got [$actual]"
}

# refuses FILE WORDS CODE
refuses() {
    code=0
    "$strandline" dump "$1" >out 2>err || code=$?
    [ "$code" -eq "$3" ] || fail "$1: exit code $code"
    grep -q "$2" err || fail "$1: $(cat err)"
}

first=00000000000000000000
second=00000000000000001000
index='offset: 20 position: 622;offset: 41 position: 1382;offset: 55 position: 2004;'
index="${index}offset: 76 position: 2764;offset: 90 position: 3386;"
shows $first.index "$index"
shows $second.index '{"offset":1015,"position":848};' --json
shows $second.timeindex 'timestamp: 1700000000005 offset: 1006;'
shows $second.timeindex '{"timestamp":1700000000005,"offset":1006};' --json
shows $second.txnindex 'version: 0 producerId: 42 firstOffset: 1000 lastOffset: 1007 lastStableOffset: 1008;'
shows $second.snapshot ''
"$strandline" dump 00000000000000001016.snapshot >out
[ "$(wc -l <out)" -eq 3 ] || fail "snapshot: $(cat out)"
grep -q '^producerId: 42 producerEpoch: 3 coordinatorEpoch: 9 currentTxnFirstOffset: OptionalLong.empty lastTimestamp: 1700000000000 firstSequence: 7 lastSequence: 13 lastOffset: 1014 offsetDelta: 6 timestamp: 1700000000000$' out ||
    fail "snapshot: $(cat out)"
grep -q '^producerId: 43 .* currentTxnFirstOffset: OptionalLong\[990\] ' out || fail "open transaction"
grep -q '^producerId: 44 .* lastTimestamp: 1700000000002 $' out || fail "a producer without batches"
"$strandline" dump 00000000000000001016.snapshot --json | sed -n 1p >out
grep -q '^{"producerId":42,"producerEpoch":3,"lastSequence":13,"lastOffset":1014,"offsetDelta":6,"timestamp":1700000000000,"coordinatorEpoch":9,"currentTxnFirstOffset":-1}$' out ||
    fail "snapshot as JSON: $(cat out)"
shows leader-epoch-checkpoint 'epoch: 0 startOffset: 0;epoch: 1 startOffset: 35;epoch: 2 startOffset: 70;epoch: 5 startOffset: 1000;'
shows leader-epoch-checkpoint '{"epoch":0,"startOffset":0};{"epoch":1,"startOffset":35};{"epoch":2,"startOffset":70};{"epoch":5,"startOffset":1000};' --json
shows recovery-point-offset-checkpoint 'topic: mixed partition: 0 offset: 1016;'
shows log-start-offset-checkpoint ''
shows replication-offset-checkpoint '{"topic":"with.dots_and-dashes","partition":12,"offset":9223372036854775807};{"topic":"mixed","partition":0,"offset":1016};' --json

# While a segment is written to, its indexes are larger than what is in them.
head -c 800 /dev/zero >>$first.index
shows $first.index "$index"
head -c 32 /dev/zero >>$second.timeindex # not a whole number of entries, but the end comes before
shows $second.timeindex 'timestamp: 1700000000005 offset: 1006;'
head -c 16 /dev/zero >zeros.index
refuses zeros.index '20 digits' 64

# Damage: exit code 2, behind what can be read.
printf 'x' >>$second.txnindex
refuses $second.txnindex 'no whole number of entries of 34' 2
grep -q 'lastStableOffset: 1008$' out || fail "what is whole is not shown"
cp 00000000000000001016.snapshot 00000000000000001017.snapshot
printf '\377' | dd of=00000000000000001017.snapshot bs=1 seek=100 conv=notrunc 2>/dev/null
refuses 00000000000000001017.snapshot 'its CRC is wrong' 2
[ ! -s out ] || fail "a snapshot with a wrong CRC is shown"
head -c 9 00000000000000001016.snapshot >00000000000000001018.snapshot
refuses 00000000000000001018.snapshot 'no whole header' 2
printf '\000\002' | dd of=00000000000000001016.snapshot bs=1 conv=notrunc 2>/dev/null
refuses 00000000000000001016.snapshot 'version 2 is unknown' 2
printf '0\n2\n0 0\n' >leader-epoch-checkpoint
refuses leader-epoch-checkpoint 'leader-epoch-checkpoint' 2
grep -q 'epoch: 0 startOffset: 0' out || fail "the first epoch is not shown"
printf '0\n1\nt\033 0 5\n' >cleaner-offset-checkpoint
refuses cleaner-offset-checkpoint 'it names no topic' 2

# A broker's directory, where what was compacted away leaves a hole between two segments: all of it is
# read, and nothing of it is lost when we write.
mkdir data
cp -r "$fixtures/segments/mixed-0" "$fixtures"/files/* data/
printf '#\n#date\ncluster.id=5L6g3nShT-eMCtK--X86sw\nversion=1\nnode.id=1\n' >data/meta.properties
"$strandline" read mixed --json --data data >before
[ "$(wc -l <before)" -eq 119 ] || fail "read: $(wc -l <before) records" # and two markers
echo ours | "$strandline" append mixed --data data
"$strandline" read mixed --json --data data >after
head -n 119 after | cmp - before || fail "records changed when we appended"
tail -n 1 after | grep -q '^{"offset":1016,.*"value":"ours"' || fail "append: $(tail -n 1 after)"
"$strandline" verify --data data | grep -q '^mixed/0 ok: offsets 0 to 1017, 122 records,' || fail verify
