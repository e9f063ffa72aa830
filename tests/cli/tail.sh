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
