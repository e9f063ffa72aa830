#!/bin/sh
# tail.sh -- tail shows what a living writer appends, ends by --count or a signal, and follows a cut.
set -eu
strandline=$1
directory=$(mktemp -d)
writer=
tailer=
trap 'kill -KILL $writer $tailer 2>/dev/null || true; rm -rf "$directory"' EXIT
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

# give_up WHAT: with what the processes in the background had to say.
give_up() {
    fail "$1: $(cat ./*.err)"
}

# pause WHAT: wait a little for WHAT, not for ever; "pauses" counts.
pause() {
    pauses=$((pauses + 1))
    [ "$pauses" -lt 2000 ] || give_up "in vain: $1"
    sleep 0.02
}

lives() {
    kill -0 "$1" 2>/dev/null
}

# wait_for PROCESS COMMAND...: until COMMAND succeeds, which PROCESS is to bring about.
wait_for() {
    process=$1
    shift
    pauses=0
    until "$@" 2>/dev/null; do
        if ! lives "$process"; then
            "$@" 2>/dev/null && break # the last thing that it did
            give_up "it ended before: $*"
        fi
        pause "$*"
    done
}

# ends PROCESS EXIT_CODE
ends() {
    pauses=0
    while lives "$1"; do pause "the end of a process"; done
    code=0
    wait "$1" || code=$?
    [ "$code" -eq "$2" ] || give_up "exit code $code instead of $2"
}

# end_tail SIGNAL EXIT_CODE
end_tail() {
    kill "-$1" "$tailer"
    ends "$tailer" "$2"
    tailer=
}

# until_at_end TOPIC LINE: append LINE when the tail that began before has found the end.  It is
# known to have when what is appended is shown.
until_at_end() {
    pauses=0
    until [ -s "$1.out" ]; do
        echo "$2" | "$strandline" append "$1"
        lives "$tailer" || give_up "it ended before $2 was shown"
        pause "$2 is shown"
    done
}

seq 1 5 | "$strandline" append orders

# From before the end; --count ends it.
"$strandline" tail orders --from -2 --count 2 --interval-ms 10 >last.out 2>last.err &
tailer=$!
ends "$tailer" 0
expect "the last two" '4 5 ' "$(tr '\n' ' ' <last.out)"

# Beside a writer.
mkfifo in
"$strandline" append orders <in 2>writer.err &
writer=$!
exec 3<>in # to write; opened like this it does not wait for a reader that has gone
"$strandline" tail orders --from 5 --count 3 --interval-ms 10 --format '%o:%s\n' \
    >beside.out 2>beside.err 3>&- &
tailer=$!
printf '6\n7\n' >&3
wait_for "$tailer" grep -q '^6:7$' beside.out
printf '8\n' >&3
ends "$tailer" 0
expect "seen" '5:6 6:7 7:8 ' "$(tr '\n' ' ' <beside.out)"

# latest is the default: nothing old is shown.  A signal ends it, with its own exit code.
"$strandline" tail orders --interval-ms 10 --json >latest.out 2>latest.err 3>&- &
tailer=$!
number=9
pauses=0
while [ ! -s latest.out ]; do
    echo "$number" >&3
    number=$((number + 1))
    lives "$tailer" || give_up "it ended before something new was shown"
    pause "something new is shown"
done
! grep -q '"value":"8"' latest.out || fail "tail showed what was old"
end_tail INT 130
exec 3>&-
ends "$writer" 0
writer=

# The log is cut behind us: tail says so and goes on.
"$strandline" tail orders --from earliest --interval-ms 10 >cut.out 2>cut.err &
tailer=$!
wait_for "$tailer" grep -q '^8$' cut.out
"$strandline" truncate orders --to 2 >/dev/null
wait_for "$tailer" grep -q 'truncated' cut.err
echo new | "$strandline" append orders
wait_for "$tailer" grep -q '^new$' cut.out
end_tail TERM 143
expect "sentences" 1 "$(wc -l <cut.err | tr -d ' ')"

# cut_and_grow TOPIC COUNT: 100 records become 50, then COUNT new ones follow, all between two looks.
cut_and_grow() {
    kill -STOP "$tailer"
    "$strandline" truncate "$1" --to 50 >/dev/null
    seq 1 "$2" | sed 's/^/new /' | "$strandline" append "$1"
    kill -CONT "$tailer"
}

for topic in ahead shown grown; do
    seq 1 100 | "$strandline" append "$topic" --batch-records 1
done

# It was at the end: of what is new nothing is left out, although offsets are lower than before.
"$strandline" tail ahead --interval-ms 10 >ahead.out 2>ahead.err &
tailer=$!
until_at_end ahead 'first'
cut_and_grow ahead 21
wait_for "$tailer" grep -q '^new 21$' ahead.out
end_tail TERM 143
expect "new ones below the old end" "$(seq 1 21 | sed 's/^/new /')" "$(grep -v first ahead.out)"
grep -q 'ahead/0 was truncated below offset [0-9]*: showing again what lies from offset 50 on' ahead.err ||
    fail "$(cat ahead.err)"

# It had shown some: they are shown again.
"$strandline" tail shown --from 40 --interval-ms 10 --format '%o:%s\n' >shown.out 2>shown.err &
tailer=$!
wait_for "$tailer" grep -q '^99:100$' shown.out
cut_and_grow shown 21
wait_for "$tailer" grep -q '^70:new 21$' shown.out
end_tail TERM 143
grep -q 'shown/0 was truncated below offset 100: showing again what lies from offset 40 on' shown.err ||
    fail "$(cat shown.err)"
expect "lines" 91 "$(wc -l <shown.out | tr -d ' ')"

# It has grown beyond the place where we are: tail says what it cannot know.
"$strandline" tail grown --from 40 --interval-ms 10 --format '%o:%s\n' >grown.out 2>grown.err &
tailer=$!
wait_for "$tailer" grep -q '^99:100$' grown.out
cut_and_grow grown 60
wait_for "$tailer" grep -q '^109:new 60$' grown.out
end_tail TERM 143
grep -q 'grown/0 was truncated and has grown again: records below 100 may differ' grown.err ||
    fail "$(cat grown.err)"
expect "lines" 70 "$(wc -l <grown.out | tr -d ' ')"
