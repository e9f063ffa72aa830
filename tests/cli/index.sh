#!/bin/sh
# index.sh -- index stat, verify, rebuild: what the index holds, whether it is whole and true, and a new
# one that holds the same; damage of it is damage of a cache, and nothing is changed but by rebuild.
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

# has PATTERN [FILE]: one line of it, else "out", matches.
has() {
    expect "lines with [$1] in: $(cat "${2-out}")" 1 "$(grep -c -e "$1" "${2-out}" || true)"
}

# is FILTER: jq finds it true of all objects of "out".
is() {
    jq -e -s "$1" out >/dev/null || fail "not so: $1: $(cat out)"
}

# flip FILE POSITION
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the byte is the format
    printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

checksums() {
    find data -type f ! -name .lock -exec cksum {} + | sort -k3
}

# As it was before the damage.
restore() {
    rm -rf data
    cp -r healthy data
}

# counts: of the entries, as stat tells them.
counts() {
    "$strandline" index stat --json |
        jq -c 'select(has("index")).index | [.logs, .segments, .chunks, .pairs, .times]'
}

exits 1 index stat
[ ! -e data ] || fail "stat made a data directory"
exits 64 index
exits 64 index remove
exits 64 index stat verify

# Large enough for pairs and times, in segments of their own; nothing is in the second log yet.
records() {
    seq "$1" "$2" | jq -c '{timestamp: (1700000000000 + . * 10 - . % 7 * 100), value: ("v" * 100)}'
}
records 1 20000 >in
records 20007 40006 >later # the same batches, 20006 = 7 * 2858 records on
"$strandline" append orders --input ndjson --batch-bytes 2k --segment-bytes 300k <in
seq 1 20 | "$strandline" append other/7
cp -r data healthy
first=00000000000000000000

checksums >before
exits 0 index stat
[ ! -s err ] || fail "$(cat err)"
has '^  size:     [0-9]* bytes, [0-9]* of them used; room for 64.0 GiB$'
tr -s ' ' <out >squeezed
has '^ entries: 2 logs, [0-9]* segments, [0-9]* chunks, [0-9]* times$' squeezed
has '^ pairs: [0-9]*, [0-9.]* bytes each$' squeezed
has '^orders 0 [0-9a-f]\{32\} [0-9]* 20000 20000 0$' squeezed
has '^other 7 [0-9a-f]\{32\} [0-9]* 20 20 0$' squeezed
exits 0 index stat --json
is 'length == 3 and (.[0].index | .logs == 2 and .segments > 4 and .pairs > 200 and .chunks > 4 and
    .times > 4 and .malformed == 0 and .commit_number > 0 and .used_bytes <= .file_bytes and
    .map_bytes > .file_bytes and .bytes_per_pair > 1) and
    (.[1] | .topic == "orders" and .covered_offset == 20000 and .log_end == 20000 and .is_believed and
    .bytes_not_covered == 0 and (.id | length) == 32 and (.generation | type) == "string")'
exits 0 index verify
[ ! -s err ] || fail "$(cat err)"
has '^orders/0 ok: covered to 20000 of 20000, [0-9]* segments, [0-9]* pairs, [0-9]* times$'
has '^other/7 ok: '
has '/data/strandline.index ok: [0-9]* bytes, [0-9]* entries$'
exits 0 index verify --json
is 'length == 3 and (.[0] | .topic == "orders" and .pairs > 200 and .times > 4 and .segments > 4 and
    .problems == 0 and .findings == []) and
    (.[2].summary | .is_damaged == false and .is_missing == false and .logs == 2 and .entries > 10)'
checksums | cmp - before || fail "stat or verify changed something"

# All that is said of every entry was looked at.
exits 0 index stat --json
stored=$(jq -c 'select(has("index")).index | [.segments, .pairs, .times]' out)
exits 0 index verify --json
expect "entries that were looked at" "$stored" \
    "$(jq -c -s '[.[] | select(has("topic"))] | [(map(.segments) | add), (map(.pairs) | add), (map(.times) | add)]' out)"

# A new one holds the same; and so does one made after the old one was lost.
held=$(counts)
exits 0 index rebuild
[ ! -s err ] || fail "$(cat err)"
has '^  pairs: '
expect "counts after rebuild" "$held" "$(counts)"
rm data/strandline.index data/strandline.index-lock
exits 0 index rebuild --json
is '.[0].index.pairs > 200 and length == 3'
expect "counts after a loss" "$held" "$(counts)"
exits 0 index verify
exits 0 recover
has '^2 logs: 2 clean; ' # it was closed cleanly

# Missing.
rm data/strandline.index
exits 0 index verify
has '/strandline.index missing$'
has '^  note: there is no index$'
exits 0 index verify --json
is '.[0].summary.is_missing'
exits 1 index stat
has 'strandline.index' err
exits 0 verify
! grep -q 'strandline.index' out || fail "$(cat out)"
[ ! -e data/strandline.index ] || fail "somebody made an index"

# A bit of a page header, on each page; one of a value, likewise.  Pages that are free may hold anything.
restore
size=$(wc -c <data/strandline.index)
headers=0
values=0
for page in $(seq 0 $((size / 4096 - 1))); do
    restore
    flip data/strandline.index $((page * 4096 + 10))
    code=0
    "$strandline" index verify >out 2>err || code=$?
    case $code in
    0) ;;
    2)
        headers=$((headers + 1))
        has '^  problem: check .*strandline.index: page [0-9]*: '
        has '^The index is a cache, and nothing is lost: '
        exits 2 index stat
        ;;
    *) fail "page $page: exit code $code, $(cat out err)" ;;
    esac
    restore
    flip data/strandline.index $((page * 4096 + 4096 - 9))
    code=0
    "$strandline" index verify >out 2>err || code=$?
    case $code in
    0) ;;
    2)
        # A list of free pages, or the version record, stands there as well.
        grep -q '^  problem: log ' out || continue
        values=$((values + 1))
        has '^  problem: log .* is malformed, or its CRC is wrong$'
        exits 2 index stat
        has 'malformed entries: 1; ' err
        exits 0 verify
        has '^  warning: .*malformed entries: 1$'
        has '^orders/0 ok: '
        exits 0 verify --json
        is '.[-1].summary.index == "damaged"'
        ;;
    *) fail "value on page $page: exit code $code, $(cat out err)" ;;
    esac
done
[ "$headers" -ge 3 ] || fail "damage of $headers page headers was found"
[ "$values" -ge 1 ] || fail "damage of $values values was found"

# Truncated; rebuilt.
restore
truncate -s 5000 data/strandline.index
exits 2 index verify
has '/strandline.index DAMAGED$'
exits 0 verify
has '^  warning: check .*strandline.index: '
exits 0 index rebuild
exits 0 index verify
expect "counts after damage" "$held" "$(counts)"

# Of another data directory.
restore
seq 1 10 | "$strandline" append orders --data foreign
cp foreign/strandline.index data/
exits 2 index verify
has '^  problem: .*index of another data directory, or of another time of it$'
exits 1 index stat
exits 0 verify
has '^  warning: .*index of another data directory, or of another time of it$'
exits 0 index rebuild
expect "counts after another's" "$held" "$(counts)"

# A directory of its own; what is another's there is left alone.
mkdir elsewhere
exits 0 index rebuild --index-directory elsewhere
exits 0 index verify --index-directory elsewhere
has 'elsewhere/strandline.index ok: '
cp foreign/strandline.index elsewhere/
exits 1 index rebuild --index-directory elsewhere
has 'index of another data directory' err
cmp foreign/strandline.index elsewhere/strandline.index
exits 0 verify --index-directory elsewhere
has '^  warning: .*index of another data directory, or of another time of it$'
exits 1 index rebuild --index-directory nowhere
[ -s err ] || fail "nothing was said"

# An older copy is not of the last opening, and is not believed; the next opening makes it anew.
restore
seq 1 20 | "$strandline" append other/7
cp healthy/strandline.index data/
exits 2 index verify
has '^  problem: .*or of another time of it$'
seq 1 20 | "$strandline" append other/7
exits 0 index verify
exits 0 index stat --json
is '.[2] | .is_believed and .log_end == 60'

# Logs that are not there are no damage.
restore
rm -r data/other-7
exits 0 index verify
has '^  note: entries of a log that is not there, [0-9a-f]*$'
exits 0 index stat
has '^stray: [0-9a-f]*, '

# Batches elsewhere than the index says, other times: each entry is found out, and named.
restore
# (From a file: where a pipe pauses, batches end.)
"$strandline" append orders --data liar --input ndjson --batch-bytes 3k --segment-bytes 300k <later
cp liar/orders-0/$first.log data/orders-0/
rm -f data/orders-0/0*[1-9]*.log
exits 2 index verify
has '^orders/0 DAMAGED: '
grep -q '^  problem: segment 0: offset [0-9]*: no batch begins at position [0-9]*$' out || fail "$(cat out)"
has '^  problem: [0-9]* problems in all$'
has '^The index is a cache, and nothing is lost: '
restore
second=$(basename "$(find data/orders-0 -name '*.log' | sort | sed -n 2p)" .log | sed 's/^0*//')
"$strandline" append later --data liar --input ndjson --batch-bytes 2k --segment-bytes 300k <later
cp liar/later-0/$first.log data/orders-0/
exits 2 index verify
has '^  problem: segment 0: the index says largest timestamp [0-9]*, but it is [0-9]*$'
has '^  problem: segment 0: the index says first timestamp '
grep -q '^  problem: segment 0: offset [0-9]*: nothing in front is said to be later than ' out || fail "$(cat out)"
restore
rm "data/orders-0/$(printf %020d "$second").log"
exits 2 index verify
has "^  problem: segment 0: facts about a segment $second, which is not there\$"

# Batches of the same sizes, with more offsets in them: one record of 200 bytes, or two of 95 and 96.
printf '%0200d\n' $(seq 1 400) >single
printf '%095d\n%096d\n' $(seq 1 800) >double
"$strandline" append orders --data single-data --batch-records 1 <single
"$strandline" append orders --data double-data --batch-records 2 <double
cp double-data/orders-0/$first.log single-data/orders-0/
exits 2 index verify --data single-data
grep -q '^  problem: segment 0: offset 16: the batch at position 4320 begins at 32$' out || fail "$(cat out)"
restore

# In use.
mkfifo pipe acks
"$strandline" append other/7 --acks <pipe >acks &
writer=$!
exec 3>pipe 4<acks
echo one >&3
read -r ack <&4
expect "ack" '20 20' "$ack"
for action in stat verify rebuild; do
    exits 4 index "$action"
    has '^strandline: open .*: in use by process ' err
    [ ! -s out ] || fail "$(cat out)"
done
exits 0 verify --json
is '.[-1].summary.index == "not checked"'
exec 3>&-
wait "$writer"
exec 4<&-
exits 0 index verify

# Other commands do not mind the files.
exits 0 list
expect "logs" 3 "$(wc -l <out | tr -d ' ')"
exits 0 recover
has '^2 logs: 2 clean; '
