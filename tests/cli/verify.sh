#!/bin/sh
# verify.sh -- verify finds what is not as it must be at rest: in segments, records, epochs, slots,
# checkpoint files, the mark of a clean close; and says what it cannot judge beside a writer.
set -eu
strandline=$1
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

# finds CODE PATTERN [TOPIC]: verify exits with CODE and prints one line that matches PATTERN.
finds() {
    code=0
    # shellcheck disable=SC2086 # perhaps no topic
    "$strandline" verify ${3-} >out 2>err || code=$?
    expect "exit code of verify, $(cat out err)" "$1" "$code"
    expect "lines with [$2] in: $(cat out)" 1 "$(grep -c -e "$2" out || true)"
}

# flip FILE POSITION
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the byte is the format
    printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# As it was before the damage.
restore() {
    rm -rf data
    cp -r healthy data
}

first=00000000000000000000
seq 1 100 | "$strandline" append orders --batch-records 10 --segment-bytes 300
seq 1 20 | "$strandline" append other/7 --batch-records 10
cp -r data healthy
second=$(find data/orders-0 -name '*.log' | sort | sed -n 2p)
third=$(find data/orders-0 -name '*.log' | sort | sed -n 3p)
base=$(basename "$second" .log | sed 's/^0*//')
next=$(basename "$third" .log | sed 's/^0*//')

find data -type f ! -name .lock -exec cksum {} + >before
finds 0 '^orders/0 ok: offsets 0 to 100, 100 records, '
grep -q '^strandline.index ok: [0-9]* entries, [0-9]* bytes$' out || fail "$(cat out)"
expect "lines" 3 "$(wc -l <out | tr -d ' ')"
[ ! -s err ] || fail "$(cat err)"
find data -type f ! -name .lock -exec cksum {} + | cmp - before || fail "verify changed something"
finds 0 '^other/7 ok: ' other
expect "lines" 1 "$(wc -l <out | tr -d ' ')"
"$strandline" verify --json >out
jq -e -s 'length == 3 and (.[0] | .topic == "orders" and .is_damaged == false and .records == 100 and
    .batches == 10 and .segments > 2 and .findings == []) and (.[2] | .findings == [] and
    (.summary | .logs == 2 and .damaged == 0 and .records == 120 and .has_writer == false))' out >/dev/null ||
    fail "$(cat out)"

# Bytes that were durable.
flip "$second" 70
finds 2 "^  problem: offsets $base to $((base + 9)) cannot be read\$"
grep -q '^orders/0 DAMAGED: .*, 1 damaged range$' out || fail "$(cat out)"
grep -q '^other/7 ok: ' out || fail "one damaged log kept another from being looked at"
"$strandline" verify --json >out || true
jq -e -s '.[0] | .is_damaged and .damaged_ranges == 1 and
    ([.findings[] | select(.level == "problem") | .check] | index("corrupt") != null)' out >/dev/null ||
    fail "$(cat out)"
restore
rm "$second"
finds 2 "^  problem: offsets $base to $((next - 1)) cannot be read\$"
restore
rm data/orders-0/$first.log
finds 2 '^  problem: .*, below the durable end 100$'
restore
rm "$(find data/orders-0 -name '*.log' | sort | tail -1)"
finds 2 '^  problem: offsets [0-9]* to 99 cannot be read$'
restore
for log in data/orders-0/*.log; do rm "$log"; done
finds 2 '^orders/0 DAMAGED: '

# Bytes that a killed process leaves are a note, unless the log was closed cleanly.
restore
head -c 100 /dev/zero >>"$second"
finds 2 "^  problem: segment $base: 100 zero bytes behind its last batch, though it is not the last\$"
rm -f data/strandline.clean
finds 0 "^  note: segment $base: 100 zero bytes behind its last batch, though it is not the last\$"
restore
head -c 100 /dev/zero >>data/other-7/$first.log
rm -f data/strandline.clean
finds 0 '^  note: segment 0: 100 zero bytes behind its last batch, which the next opening '
restore
printf 'half a batch' >>data/other-7/$first.log
rm -f data/strandline.clean
finds 0 '^  note: a tail of 12 bytes that opening for writing will cut off at offset 20: '
restore
rm -f data/strandline.clean
: >data/other-7/left.tmp
: >data/left.tmp
: >data/other-7/cut-00000000000000000020.bytes
finds 0 '^  note: cut-00000000000000000020.bytes holds what an earlier recovery cut off$'
expect "leftovers" 2 "$(grep -c 'left.tmp was left by an operation' out)"

# Leader epochs.
restore
printf '0\n2\n0 0\n1 10\n' >data/other-7/leader-epoch-checkpoint
finds 2 '^  problem: .*leader epoch 0, but the epoch file says 1.*, below the durable end 20$'
restore
printf '0\n2\n0 0\n1 21\n' >data/other-7/leader-epoch-checkpoint
finds 2 '^  problem: epoch 1 begins at offset 21, above the log end 20$'
rm -f data/strandline.clean
finds 0 '^  note: epoch 1 begins at offset 21, above the log end 20$'
restore
printf '0\n2\n0 0\n' >data/other-7/leader-epoch-checkpoint
finds 2 '^  problem: .*leader-epoch-checkpoint'
restore
rm data/other-7/leader-epoch-checkpoint
finds 2 '^  problem: .*leader-epoch-checkpoint'

# The small files.
restore
flip data/other-7/strandline.id 10
finds 2 '^  problem: .*strandline.id'
restore
rm data/other-7/strandline.id
finds 2 '^  note: it has no strandline.id$' # and the mark of the clean close names a log too many
restore
flip data/strandline.frontier 70
finds 2 '^  problem: strandline.frontier: damaged slots: 1;'
restore
flip data/strandline.frontier 3
finds 2 '^  problem: strandline.frontier: its header is damaged$'
restore
flip data/strandline.format 20
code=0
"$strandline" verify 2>err || code=$?
expect "exit code for a damaged strandline.format" 2 "$code"
restore
printf '0\n1\nother 7 21\n' >data/recovery-point-offset-checkpoint
finds 2 '^  problem: recovery-point-offset-checkpoint: offset 21 of other/7 is above the log end 20$'
rm -f data/strandline.clean
finds 0 '^  note: recovery-point-offset-checkpoint: offset 21 of other/7 is above the log end 20$'
restore
printf '0\n1\nother seven 20\n' >data/recovery-point-offset-checkpoint
finds 2 '^  problem: .*recovery-point-offset-checkpoint'
printf '0\n1\nnobody 7 20\n' >data/recovery-point-offset-checkpoint
finds 0 '^  note: recovery-point-offset-checkpoint names nobody/7, which is not there$'

# The mark of a clean close.
restore
seq 21 30 | "$strandline" append other/7
cp healthy/strandline.clean data/
finds 2 '^  problem: strandline.clean says log end 20, but it is 30$'
restore
flip data/strandline.clean 20
finds 2 '^  problem: .*strandline.clean'
restore
rm -r data/other-7
finds 2 '^  problem: strandline.clean: logs that it names and that are not there: 1$'

# A segment that the log start has passed goes with the close.
restore
"$strandline" trim other/7 --to 20
seq 21 30 | "$strandline" append other/7 --segment-bytes 200
[ ! -e data/other-7/$first.log ] || fail "$(ls data/other-7)"
finds 0 '^other/7 ok: offsets 20 to 30, 10 records, '
expect "findings: $(cat out)" 0 "$(grep -c '^  ' out || true)"

# Beside a writer.
restore
mkfifo in acks
"$strandline" append other/7 --acks <in >acks &
writer=$!
exec 3>in 4<acks
echo one >&3
read -r ack <&4
expect "ack" '20 20' "$ack"
: >data/other-7/left.tmp
finds 0 '^  note: a process writes here: '
! grep -q left.tmp out || fail "a leftover was judged beside a writer: $(cat out)"
"$strandline" verify --json >out
jq -e -s '.[-1].summary.has_writer' out >/dev/null || fail "$(cat out)"
flip "$second" 70
finds 2 "^  problem: offsets $base to $((base + 9)) cannot be read\$"
exec 3>&-
wait "$writer"
exec 4<&-
