#!/bin/sh
# pipes.sh -- Input that pauses, output that closes, signals: nothing waits that need not, nothing is lost.
set -eu
strandline=$1
directory=$(mktemp -d)
writer=
trap 'kill -KILL $writer 2>/dev/null || true; rm -rf "$directory"' EXIT
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

# pause WHAT: wait a little for WHAT, not for ever; "pauses" counts.
pause() {
    pauses=$((pauses + 1))
    [ "$pauses" -lt 2000 ] || fail "in vain: $1: $(cat writer.err)"
    sleep 0.02
}

# wait_for COMMAND...: until COMMAND succeeds, which the writer, still waiting for input, brings about.
wait_for() {
    pauses=0
    until "$@" 2>/dev/null; do
        kill -0 "$writer" 2>/dev/null || fail "the writer ended before: $*: $(cat writer.err)"
        pause "$*"
    done
}

# writer_ends EXIT_CODE
writer_ends() {
    pauses=0
    while kill -0 "$writer" 2>/dev/null; do pause "the end of the writer"; done
    code=0
    wait "$writer" || code=$?
    writer=
    [ "$code" -eq "$1" ] || fail "exit code of append: $code instead of $1: $(cat writer.err)"
}

# A partial batch goes out when the input pauses, and its ack comes while the input is still open.
mkfifo in
"$strandline" append orders --acks --json <in >out 2>writer.err &
writer=$!
exec 3<>in # to write; opened like this it does not wait for a reader that has gone
printf 'one\ntwo\nthr' >&3
wait_for grep -q '^0 1$' out
expect "seen by a reader while the writer lives" 'one two ' "$("$strandline" read orders | tr '\n' ' ')"
printf 'ee\n' >&3
wait_for grep -q '^2 2$' out
exec 3>&-
writer_ends 0
expect "last line" \
    '{"topic":"orders","partition":0,"records":3,"first_offset":0,"last_offset":2,"durable":true}' \
    "$(tail -1 out)"
expect "all" 'one two three ' "$("$strandline" read orders | tr '\n' ' ')"

# A signal ends the input: what is whole is appended, the exit code tells.
"$strandline" append orders/1 --acks <in >signalled 2>writer.err &
writer=$!
exec 3<>in
printf 'one\ntwo\nthr' >&3
wait_for grep -q '^0 1$' signalled
kill -TERM "$writer"
writer_ends 143
exec 3>&-
expect "whole lines before SIGTERM" 'one two ' "$("$strandline" read orders/1 | tr '\n' ' ')"

# Readers that go away are no failure.
seq 1 200000 >numbers
"$strandline" append many numbers
: >err
{
    code=0
    "$strandline" read many 2>err || code=$?
    echo "$code" >code
} | head -1 >first
expect "first line" 1 "$(cat first)"
expect "exit code after the reader left" 0 "$(cat code)"
[ ! -s err ] || fail "read said: $(cat err)"
{
    code=0
    yes | "$strandline" append acks --batch-records 1 --acks 2>err || code=$?
    echo "$code" >code
} | head -2 >acked
expect "exit code of append after the reader left" 0 "$(cat code)"
[ ! -s err ] || fail "append said: $(cat err)"
expect "acks that were read" '0 0 1 1 ' "$(tr '\n' ' ' <acked)"
expect "what was taken before the acks' reader left" y "$("$strandline" read acks | sort -u)"

# Output that cannot be written is.
if [ -w /dev/full ]; then
    code=0
    "$strandline" read many >/dev/full 2>err || code=$?
    expect "exit code on a full disk" 1 "$code"
    grep -q '^strandline: write standard output: No space left on device$' err || fail "$(cat err)"
    expect "lines" 1 "$(wc -l <err | tr -d ' ')"
    code=0
    yes | "$strandline" append full --acks >/dev/full 2>err || code=$?
    expect "exit code when acks are lost" 1 "$code"
    expect "sentence when acks are lost" \
        'strandline: write standard output: No space left on device' "$(cat err)"
    expect "what was taken before acks were lost" y "$("$strandline" read full | sort -u)"
fi

# Streams that are closed: no file of the data directory gets their numbers.
mkdir closed
code=0
"$strandline" append orders numbers --acks --data closed/data <&- >&- 2>&- || code=$?
expect "exit code when acks have nowhere to go" 1 "$code"
code=0
"$strandline" append orders numbers --segment-bytes 100k --data closed/data <&- >&- 2>&- || code=$?
expect "exit code when nothing is to be printed" 0 "$code"
code=0
"$strandline" append orders --frobnicate --data closed/data <&- >&- 2>&- || code=$?
expect "exit code of a sentence that nobody gets" 64 "$code"
for command in 'read orders' 'verify' 'list'; do
    code=0
    # shellcheck disable=SC2086 # words
    "$strandline" $command --data closed/data <&- >&- 2>&- || code=$?
    expect "exit code of $command without an output" 1 "$code"
done
"$strandline" verify --data closed/data >out || fail "closed streams damaged the data: $(cat out)"
expect "the frontier's first bytes" STRANDFR "$(head -c 8 closed/data/strandline.frontier)"
! grep -q '^0 ' closed/data/.lock || fail "acks in the lock file"
