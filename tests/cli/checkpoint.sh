#!/bin/sh
# checkpoint.sh -- checkpoint shows what the text files, the frontier and the mark of a clean close say
# of each log, and where they differ.
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

# row TOPIC PATTERN: the row of TOPIC, blanks squeezed, matches.
row() {
    "$strandline" checkpoint >out 2>err || fail "exit code $?: $(cat out err)"
    tr -s ' ' <out | grep -q "^$1 $2" || fail "no [$1 $2] in: $(cat out)"
}

seq 1 30 | "$strandline" append orders --batch-records 10
seq 1 20 | "$strandline" append other/7 --batch-records 10
find data -type f ! -name .lock -exec cksum {} + >before
"$strandline" checkpoint >out
expect "headings" 'TOPIC PARTITION START FLUSHED COMMITTED SLOT-START SLOT-COMMITTED DURABLE CLEAN DIFFERENCES' \
    "$(sed -n 1p out | tr -s ' ')"
# Written by hand: what is shown is what the files say.
printf '0\n2\norders 0 30\nother 7 20\n' >data/recovery-point-offset-checkpoint
printf '0\n2\norders 0 30\nother 7 20\n' >data/replication-offset-checkpoint
printf '0\n2\norders 0 0\nother 7 0\n' >data/log-start-offset-checkpoint
row orders '0 0 30 30 0 30 30 30$'
row other '7 0 20 20 0 20 20 20$'
expect "lines" 3 "$(wc -l <out | tr -d ' ')"
"$strandline" checkpoint --json >out
jq -e -s '(.[0] | .topic == "orders" and .partition == 0 and .checkpoint_log_start == 0 and
    .checkpoint_recovery_point == 30 and .checkpoint_committed == 30 and .slot_log_start == 0 and
    .slot_high_watermark == 30 and .slot_durable_end == 30 and .slot_log_end == 30 and
    .clean_log_end == 30 and .clean_segments == 1 and .differences == "" and
    (.slot_generation | type == "string")) and
    ([.[] | select(has("file")) | .state] == ["read", "read", "read", "read"])' out >/dev/null ||
    fail "$(cat out)"

# The files lag, are ahead, leave a log out.
printf '0\n2\norders 0 25\nother 7 23\n' >data/recovery-point-offset-checkpoint
printf '0\n1\norders 0 30\n' >data/replication-offset-checkpoint
row orders '.* FLUSHED lags by 5$'
row other '7 0 23 - 0 20 20 20 not in replication-offset-checkpoint; FLUSHED is 3 ahead of the slot$'
rm data/log-start-offset-checkpoint
row orders '0 - 25 30 0 30 30 30 FLUSHED lags by 5$'
grep -q '^log-start-offset-checkpoint: missing$' out || fail "$(cat out)"

# Without a mark of a clean close, and with an old one.
cp data/strandline.clean old
echo 31 | "$strandline" append orders
cp old data/strandline.clean
row orders '.* 31 30 .*strandline.clean contradicts the slot$'
rm data/strandline.clean
row orders '.* 31 -$'
grep -q '^strandline.clean: missing$' out || fail "$(cat out)"

# Damaged files: exit code 2, and everything else is shown all the same.
printf '0\n1\norders zero 30\n' >data/recovery-point-offset-checkpoint
code=0
"$strandline" checkpoint >out 2>err || code=$?
expect "exit code for a damaged file" 2 "$code"
grep -q '^recovery-point-offset-checkpoint: damaged$' out || fail "$(cat out)"
grep -q 'recovery-point-offset-checkpoint.*line 3' err || fail "$(cat err)"
tr -s ' ' <out | grep -q '^other 7 ' || fail "$(cat out)"
[ -s before ] || fail "nothing was there"

# A broker's directory has no slots.
mkdir kafka
cp -r "$fixtures/segments/mixed-0" "$fixtures"/files/* kafka/
"$strandline" checkpoint --data kafka >out
tr -s ' ' <out | grep -q '^mixed 0 - 1016 1016 - - - - a Kafka broker was the last writer$' || fail "$(cat out)"
