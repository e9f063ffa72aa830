#!/bin/sh
# bench.sh -- Every measurement of strandline-bench runs, says under which conditions, leaves nothing
# behind, and does what it says when it is interrupted or refused.
set -eu
bench=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

if ! command -v jq >/dev/null; then
    echo "SKIP: jq is not installed"
    exit 77
fi

fail() {
    echo "FAILED: $*"
    exit 1
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
}

nothing_left() {
    [ -z "$(find . -name 'strandline-bench.*')" ] || fail "$1 left files behind"
}

# Every figure is an object with all that it needs, and quick ones are marked.
"$bench" help >overview
for measure in append commit rolls read tail seek recover partitions index limits compare; do
    grep -q "^  $measure " overview || fail "help does not name $measure"
    "$bench" help "$measure" >help
    "$bench" "$measure" --help | cmp help - || fail "$measure --help is not help $measure"
    awk 'length > 100 { exit 1 }' help || fail "help $measure has long lines"
    "$bench" "$measure" --quick --runs 1 --json >out 2>err || fail "$measure: $(cat err)"
    [ ! -s err ] || fail "$measure said: $(cat err)"
    jq -es --arg measure "$measure" 'length > 0 and all(.[];
        .measure == $measure and .runs == 1 and .min <= .median and .median <= .max and
        (.figure | length > 0) and (.side | length > 0) and .quotable == false and
        (.unit | IN("s", "B", "1", "ratio", "B/s", "1/s")) and
        .conditions.record_bytes == 1024 and (.environment.kernel | startswith("Linux")) and
        (.environment.file_system | length > 0))' out >/dev/null || fail "$measure: $(cat out)"
    nothing_left "$measure"
done

# Peers that are in the build are measured by default, and those that are not are refused by name.
# LMDB is there wherever the library can be built.
jq -rs '.[0].environment | .peers, (.peers_absent // "")' out >peers
grep -q '^lmdb [0-9]\|, lmdb [0-9]' peers || fail "no LMDB: $(cat peers)"
for peer in $(sed -n '1s/ [^,]*//g; 1s/,/ /gp; 1p' peers | head -n 1); do
    for work in append append-64 durable durable-16 scan seek crash; do
        jq -es --arg peer "$peer" --arg work "$work" \
            'any(.[]; .side == "strandline / " + $peer and .conditions.work == $work)' out >/dev/null ||
            fail "compare does not do $work with $peer"
    done
    "$bench" append --quick --runs 1 --sides "strandline,$peer" >/dev/null || fail "append $peer"
    "$bench" commit --quick --runs 1 --threads 2 --sides "strandline,$peer" >/dev/null ||
        fail "commit $peer"
done
for peer in $(sed -n '2s/,//gp' peers); do
    code=0
    "$bench" compare --sides "$peer" >/dev/null 2>err || code=$?
    expect "exit code of compare --sides $peer" 64 "$code"
    grep -q "$peer: its library was not found" err || fail "$peer said: $(cat err)"
done
"$bench" compare --quick --runs 1 --works seek --sides lmdb --json >out
jq -es 'all(.[]; .side == "lmdb" and .conditions.work == "seek")' out >/dev/null ||
    fail "one work of one side: $(cat out)"

# A ratio is that of its sides.
"$bench" append --quick --runs 1 --json --threads 1,2 >out
jq -es '[.[] | select(.figure == "throughput")] |
    (map(select(.side == "strandline / raw")) | length == 2) and
    (map(select(.side == "strandline / strandline")) | length == 1) and
    ((.[] | select(.side == "strandline" and .conditions.threads == 1).median) as $own |
     (.[] | select(.side == "raw" and .conditions.threads == 1).median) as $raw |
     (.[] | select(.side == "strandline / raw" and .conditions.threads == 1).median) as $ratio |
     ($own / $raw - $ratio) | fabs < 0.001)' out >/dev/null || fail "ratios: $(cat out)"

# The table names conditions and environment.
"$bench" append --quick --runs 1 >out
for text in 'kernel ' 'file_system ' 'NOT TO BE QUOTED: --quick' 'durability written' '^FIGURE ' \
    '^throughput .*strandline / raw'; do
    grep -q -e "$text" out || fail "the table lacks $text: $(cat out)"
done
for option in '--beside bulk' '--beside dirty'; do
    # shellcheck disable=SC2086 # two words
    "$bench" commit --quick --runs 1 --threads 1 $option >out || fail "$option"
    grep -q "^p99 .*strandline ${option#--} / strandline" out || fail "$option: $(cat out)"
done
"$bench" append --quick --runs 1 --codec lz4 --final-sync --sides strandline,raw-synced >out
grep -q '^throughput .*strandline / raw-synced' out || fail "final-sync: $(cat out)"
"$bench" append --quick --runs 1 --rate 500 --preparation reserve >/dev/null || fail "rate"
"$bench" recover --quick --runs 1 --cold --sides clean >/dev/null || fail "cold"

# Refused, with a sentence that names what, before anything is made.
refuse() {
    code=0
    "$bench" "$@" >out 2>err || code=$?
    expect "exit code of $*" "$wanted" "$code"
    [ ! -s out ] || fail "$* printed: $(cat out)"
    expect "sentences of $*" 1 "$(wc -l <err)"
    grep -q -e "$sentence" err || fail "$* said: $(cat err)"
    nothing_left "$*"
}
wanted=64
sentence='no option --nope' refuse append --nope
sentence='no measurement nope' refuse nope
sentence='--seconds 0' refuse append --seconds 0
sentence='no side "nope"' refuse append --sides nope
sentence='no work "nope"' refuse compare --works append,nope
sentence='does not take --batch-records' refuse compare --batch-records 2
sentence='one --record-bytes' refuse compare --record-bytes 100,1k
sentence='not a list' refuse read --batch-records 1,16
sentence='not a list' refuse limits --record-bytes 100,1k
sentence='beside dirty' refuse commit --others 5
sentence='no call that syncs' refuse append --final-sync --sides strandline,codec --codec lz4
sentence='peers' refuse append --sides lmdb --codec lz4
sentence='ends before a run' refuse append --seconds 10 --limit-seconds 5
sentence='do not go together' refuse append --rate 10 --final-sync
sentence='has nothing to do' refuse append --durability durable --final-sync
sentence='needs --codec' refuse append --level 3
sentence='has no room' refuse append --segment-bytes 4k
sentence='less than one batch' refuse append --bytes 1k
sentence='more than 12 values' refuse append --threads 1,2,3,4,5,6,7,8,9,10,11,12,13
sentence='no codec\|not one of\|codec' refuse append --codec nope
wanted=1
sentence='/nowhere' refuse append --dir ./nowhere
sentence='are free and' refuse append --bytes 4096g

# A limit, and a signal: what was measured is printed, the rest is removed.
"$bench" limits --quick --sides memcpy --runs 101 --limit-seconds 3600 >/dev/null || fail "no cut"
"$bench" tail --seconds 1 --runs 50 --bytes 1m --limit-seconds 4 >out 2>err || fail "limit"
grep -q 'cut short after [1-3] of 50 runs' err || fail "limit said: $(cat err)"
grep -q '^p99 .*written' out || fail "limit printed: $(cat out)"
nothing_left "limit"
# Longer than asked: also before the first run has ended, it is given up.
wanted=1
sentence='before anything was measured' refuse compare --works append --sides sqlite --bytes 16g \
    --seconds 1 --limit-seconds 1
"$bench" append --runs 100 --bytes 1m >out 2>err &
until [ -n "$(find . -name 'strandline-bench.*')" ]; do
    kill -0 $! || fail "it did not start: $(cat err)"
done
kill -TERM $!
code=0
wait $! || code=$?
expect "exit code after a signal" 143 "$code"
nothing_left "a signal"

# Also while ten thousand logs are made, and by a writer that is a process of its own.
count_logs() {
    find . -path '*/bench-*' -prune -type d -print 2>/dev/null | wc -l
}
for measure in partitions recover; do
    "$bench" "$measure" --logs 10000 --runs 1 >out 2>err &
    until [ "$(count_logs)" -ge 20 ]; do
        kill -0 $! || fail "$measure did not start: $(cat err)"
    done
    kill -TERM $!
    most=0
    while kill -0 $! 2>/dev/null; do
        count=$(count_logs)
        [ "$count" -le "$most" ] || most=$count
    done
    code=0
    wait $! || code=$?
    expect "exit code of $measure after a signal" 143 "$code"
    [ "$most" -lt 9000 ] || fail "$measure made $most logs after a signal"
    [ ! -s out ] || fail "$measure printed: $(cat out)"
    nothing_left "$measure after a signal"
done

# A reader that goes away is no failure.
"$bench" limits --quick --sides memcpy --json | true
nothing_left "a closed pipe"
