#!/bin/sh
# tail.sh -- tail shows what a living writer appends, ends by --count or a signal, and follows a cut.
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

wait_for() {
    until "$@" 2>/dev/null; do sleep 0.02; done
}

# until_at_end TOPIC LINE: append LINE when the tail that began before has found the end.  It is
# known to have when what is appended is shown.
until_at_end() {
    until [ -s "$1.out" ]; do
        echo "$2" | "$strandline" append "$1"
        sleep 0.1
    done
}

seq 1 5 | "$strandline" append orders

# From before the end; --count ends it.
expect "the last two" '4 5 ' \
    "$("$strandline" tail orders --from -2 --count 2 --interval-ms 10 | tr '\n' ' ')"

# Beside a writer.
mkfifo in
"$strandline" append orders <in &
writer=$!
exec 3>in
"$strandline" tail orders --from 5 --count 3 --interval-ms 10 --format '%o:%s\n' >out &
tailer=$!
printf '6\n7\n' >&3
wait_for grep -q '^6:7$' out
printf '8\n' >&3
wait "$tailer"
expect "seen" '5:6 6:7 7:8 ' "$(tr '\n' ' ' <out)"

# latest is the default: nothing old is shown.  A signal ends it, with its own exit code.
"$strandline" tail orders --interval-ms 10 --json >out &
tailer=$!
number=9
while [ ! -s out ]; do
    echo "$number" >&3
    number=$((number + 1))
    sleep 0.05
done
! grep -q '"value":"8"' out || fail "tail showed what was old"
kill -INT "$tailer" 2>/dev/null || true
kill -TERM "$tailer" 2>/dev/null || true
code=0
wait "$tailer" || code=$?
case $code in
130 | 143) ;;
*) fail "exit code after a signal: $code" ;;
esac
exec 3>&-
wait "$writer"

# The log is cut behind us: tail says so and goes on.
"$strandline" tail orders --from earliest --interval-ms 10 >out 2>err &
tailer=$!
wait_for grep -q '^8$' out
"$strandline" truncate orders --to 2 >/dev/null
wait_for grep -q 'truncated' err
echo new | "$strandline" append orders
wait_for grep -q '^new$' out
kill -TERM "$tailer"
wait "$tailer" || true
expect "sentences" 1 "$(wc -l <err | tr -d ' ')"

# cut_and_grow TOPIC COUNT: 100 records become 50, then COUNT new ones follow, all between two looks.
cut_and_grow() {
    kill -STOP "$tailer"
    "$strandline" truncate "$1" --to 50 >/dev/null
    seq 1 "$2" | sed 's/^/new /' | "$strandline" append "$1"
    kill -CONT "$tailer"
}

end_tail() {
    kill -TERM "$tailer"
    wait "$tailer" || true
}

for topic in ahead shown grown; do
    seq 1 100 | "$strandline" append "$topic" --batch-records 1
done

# It was at the end: of what is new nothing is left out, although offsets are lower than before.
"$strandline" tail ahead --interval-ms 10 >ahead.out 2>ahead.err &
tailer=$!
until_at_end ahead 'first'
cut_and_grow ahead 21
wait_for grep -q '^new 21$' ahead.out
end_tail
expect "new ones below the old end" "$(seq 1 21 | sed 's/^/new /')" "$(grep -v first ahead.out)"
grep -q 'ahead/0 was truncated below offset [0-9]*: showing again what lies from offset 50 on' ahead.err ||
    fail "$(cat ahead.err)"

# It had shown some: they are shown again.
"$strandline" tail shown --from 40 --interval-ms 10 --format '%o:%s\n' >shown.out 2>shown.err &
tailer=$!
wait_for grep -q '^99:100$' shown.out
cut_and_grow shown 21
wait_for grep -q '^70:new 21$' shown.out
end_tail
grep -q 'shown/0 was truncated below offset 100: showing again what lies from offset 40 on' shown.err ||
    fail "$(cat shown.err)"
expect "lines" 91 "$(wc -l <shown.out | tr -d ' ')"

# It has grown beyond the place where we are: tail says what it cannot know.
"$strandline" tail grown --from 40 --interval-ms 10 --format '%o:%s\n' >grown.out 2>grown.err &
tailer=$!
wait_for grep -q '^99:100$' grown.out
cut_and_grow grown 60
wait_for grep -q '^109:new 60$' grown.out
end_tail
grep -q 'grown/0 was truncated and has grown again: records below 100 may differ' grown.err ||
    fail "$(cat grown.err)"
expect "lines" 70 "$(wc -l <grown.out | tr -d ' ')"
