#!/bin/sh
# usage.sh -- Help is there for every command and names every option; versions; where output goes.
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

"$strandline" help >overview
"$strandline" --help | cmp overview - || fail "--help is not help"
for command in append read tail list dump verify truncate trim delete recover epochs checkpoint \
    doctor index crashtest; do
    grep -q "^  $command " overview || fail "help does not name $command"
    "$strandline" help "$command" >help
    "$strandline" "$command" --help | cmp help - || fail "$command --help is not help $command"
    grep -q "^Usage: strandline $command " help || fail "help $command has no usage line"
    grep -q -e '--help' help || fail "help $command does not name --help"
    awk 'length > 100 { exit 1 }' help || fail "help $command has long lines"
done
for option in input key-separator durability acks batch-bytes batch-records codec level json \
    segment-bytes max-message-bytes timestamp-type quiet data; do
    "$strandline" help append | grep -q -e "^  --$option" || fail "help append lacks --$option"
done
! "$strandline" help list | grep -q -e --codec || fail "help list names options of append"

"$strandline" --version | grep -q '^strandline [0-9]*\.[0-9]*\.[0-9]*$' || fail "--version"

# Without a command: the overview, as an error.
code=0
"$strandline" >out 2>err || code=$?
expect "exit code without a command" 64 "$code"
[ ! -s out ] || fail "the overview is not a result here"
cmp overview err || fail "no overview on stderr"

# Success says nothing on stderr, and nothing on stdout that was not asked for.
echo one | "$strandline" append orders >out 2>err
[ ! -s out ] || fail "append printed: $(cat out)"
[ ! -s err ] || fail "append said: $(cat err)"

# Options may stand anywhere, with = or without; -- ends them.
expect "options before operands" one "$("$strandline" read --count=1 --data data orders)"
echo dash >./--dash
"$strandline" append orders -- --dash
expect "a file with a dash" dash "$("$strandline" read orders --from -1)"
