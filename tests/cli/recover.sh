#!/bin/sh
# recover.sh -- recover tells what opening found and did, log by log; 3 says that something was not as
# it should be; a dry run changes nothing; what was cut in doubt is kept until it is asked away.
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

# exits CODE COMMAND...: its output goes to "out", its sentences to "err".
exits() {
    code=$1
    shift
    actual=0
    "$strandline" "$@" >out 2>err || actual=$?
    [ "$actual" -eq "$code" ] || fail "exit code of $*: $actual; $(cat out err)"
}

# has PATTERN: one line of "out" matches.
has() {
    expect "lines with [$1] in: $(cat out)" 1 "$(grep -c -e "$1" out || true)"
}

# is FILTER: jq finds it true of all objects of "out".
is() {
    jq -e -s "$1" out >/dev/null || fail "not so: $1: $(cat out)"
}

# As after a crash: nothing says that the logs were closed.
crash() {
    rm -f data/strandline.clean
}

checksums() {
    find data -type f ! -name .lock -exec cksum {} + | sort -k3
}

# flip FILE POSITION
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the byte is the format
    printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# position_of FILE OFFSET: of the batch that begins there.
position_of() {
    "$strandline" dump "$1" | sed -n "s/^baseOffset: $2 .* position: \([0-9]*\) .*/\1/p"
}

exits 1 recover
[ ! -e data ] || fail "recover made a data directory"
exits 64 recover --dry-run --remove-saved
exits 64 recover --policy hope

# Nothing to do.
for topic in doubt orders torn; do
    seq 1 30 | "$strandline" append "$topic" --batch-records 10
done
first=00000000000000000000
exits 0 recover
expect "lines" 1 "$(wc -l <out | tr -d ' ')"
has '^3 logs: 3 clean; '
[ ! -s err ] || fail "recover said: $(cat err)"
exits 0 recover --json
is 'length == 4'
is '.[:3] | all(.verdict == "clean" and .reason == "" and .log_start == 0 and .log_end == 30 and
    .cut_bytes == 0 and .cut_first_offset == -1 and .corrupt_first == -1 and .is_foreign == false)'
is '[.[:3][] | has("durable_end", "segment_count", "scanned_count", "bytes_read", "bytes_rewritten",
    "batches_kept", "corrupt_next", "epochs_before", "epochs_after", "is_same_boot", "elapsed_ns")] |
    length == 33 and all'
is '.[3].summary | .logs == 3 and .clean == 3 and .torn == 0 and .dry_run == false'

# A writer that is killed leaves nothing to cut.
mkfifo in acks
"$strandline" append killed --acks <in >acks &
writer=$!
exec 3>in 4<acks
echo one >&3
read -r ack <&4
expect "ack" '0 0' "$ack"
exits 4 recover
exits 4 recover --dry-run
kill -KILL "$writer"
wait "$writer" 2>/dev/null || true
exec 3>&- 4<&-
exits 0 recover --json
is '.[] | select(.topic == "killed") | .verdict == "whole" and .log_end == 1 and .is_same_boot'
expect "what was acknowledged" one "$("$strandline" read killed)"

# A torn tail.
printf 'half a batch' >>data/torn-0/$first.log
checksums >before
exits 3 recover --dry-run
has '^torn/0 torn: would cut 12 bytes at offset 30: '
has '^4 logs: .* 1 torn; '
exits 3 recover --dry-run --json
is '.[] | select(.topic == "torn") | .verdict == "torn" and .cut_bytes == 12 and
    .cut_first_offset == 30 and .log_end == 30 and .reason != ""'
is '.[-1].summary | .torn == 1 and .cut_bytes == 12 and .dry_run'
checksums | cmp - before || fail "a dry run changed something"
exits 3 recover
has '^torn/0 torn: cut 12 bytes at offset 30: '
exits 0 recover
expect "records" 30 "$("$strandline" read torn | wc -l | tr -d ' ')"

# Bytes in doubt: damage above what was durable, and a whole batch behind it.
seq 1 50 | "$strandline" append longer --batch-records 10
fourth=$(position_of data/longer-0/$first.log 30)
tail -c +$((fourth + 1)) data/longer-0/$first.log >rest
"$strandline" delete longer
flip rest 70
crash
cat rest >>data/doubt-0/$first.log
size=$(wc -c <rest | tr -d ' ')
exits 3 recover --dry-run
has "^doubt/0 suspect: would save and cut $size bytes at offset 30: "
exits 3 recover
has "^doubt/0 suspect: saved and cut $size bytes at offset 30: "
saved=data/doubt-0/cut-00000000000000000030.bytes
cmp rest $saved || fail "what was saved is not what was cut"
has "^doubt/0 saved: .*/$saved, $size bytes\$"
has ' 1 file of saved bytes '
exits 0 recover --json
is '.[] | select(has("saved")) | .topic == "doubt" and .partition == 0 and
    .saved == "cut-00000000000000000030.bytes" and .bytes == '"$size"
is '.[-1].summary | .saved_files == 1 and .saved_bytes == '"$size"' and .removed_files == 0'
[ -e $saved ] || fail "saved bytes were removed unasked"
: >data/doubt-0/cut-me.bytes
exits 0 recover --remove-saved --json
is '.[-1].summary | .removed_files == 1 and .removed_bytes == '"$size"
[ ! -e $saved ] || fail "saved bytes were not removed"
[ -e data/doubt-0/cut-me.bytes ] || fail "a file of somebody else was removed"
exits 0 recover
! grep -q saved out || fail "$(cat out)"

# A flipped byte in what was acknowledged: nothing is changed, unless salvage is asked for.
crash
second=$(position_of data/orders-0/$first.log 10)
flip data/orders-0/$first.log $((second + 70))
cksum data/orders-0/*.log >before
exits 2 recover --policy refuse
exits 3 recover --dry-run
has '^orders/0 corrupt: quarantined, offsets 10 to 19 cannot be read: '
exits 3 recover --json
is '.[] | select(.topic == "orders") | .verdict == "corrupt" and .corrupt_first == 10 and
    .corrupt_next == 20 and .durable_end == 30 and .log_end == 30 and .cut_bytes == 0'
exits 3 recover
has '^[0-9]* logs: .* 1 corrupt'
cksum data/orders-0/*.log | cmp - before || fail "a damaged log was changed"
exits 3 recover --policy salvage --dry-run
has '^orders/0 corrupt: would save and cut out what is damaged, offsets 10 to 19 cannot be read: '
cksum data/orders-0/*.log | cmp - before || fail "a dry run salvaged"
exits 3 recover --policy salvage
has '^orders/0 salvaged: '
has '^orders/0 saved: '
exits 0 recover
expect "records around the damage" "$(seq 1 10; seq 21 30)" "$("$strandline" read orders)"
echo more | "$strandline" append orders
expect "the log goes on" 30 "$("$strandline" read orders --from -1 --format %o)"

# The end of a log is gone.
seq 1 100 | "$strandline" append ends --batch-records 10 --segment-bytes 300
crash
last=$(find data/ends-0 -name '*.log' | sort | tail -1)
rm "$last"
exits 3 recover
has '^ends/0 corrupt: quarantined, offsets [0-9]* to 99 cannot be read: '
