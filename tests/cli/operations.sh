#!/bin/sh
# operations.sh -- docs/OPERATIONS.md is true: its commands are run from top to bottom, and each line of
# output that it shows is found in what they print.
set -eu
strandline=$1
document=$(cd "$(dirname "$0")/../.." && pwd)/docs/OPERATIONS.md
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export STRANDLINE_DATA="$directory/data" NO_COLOR=1
mkdir bin
ln -s "$strandline" bin/strandline
PATH=$directory/bin:$PATH

fail() {
    echo "FAILED: $*"
    exit 1
}

# One file for each block of commands, and one for the block of output behind it: 1.sh, 1.text, ...
awk '
/^```sh$/ { file = ++count ".sh"; next }
/^```text$/ { file = count ".text"; next }
/^```$/ { file = ""; next }
file != "" { print >file }
END { print count >"count" }' "$document"

# block CODE PATTERN: run the next block, whose commands contain PATTERN; the last of them exits with
# CODE.
number=0
block() {
    number=$((number + 1))
    grep -q -e "$2" "$number.sh" || fail "block $number is not about [$2]: $(cat "$number.sh")"
    : >out
    code=0
    while IFS= read -r line; do
        code=0
        sh -c "$line" >>out 2>&1 </dev/null || code=$?
    done <"$number.sh"
    [ "$code" -eq "$1" ] || fail "exit code of block $number, $(cat "$number.sh"): $code, $(cat out)"
    [ -e "$number.text" ] || return 0
    while IFS= read -r line; do
        pattern=$(printf '%s\n' "$line" |
            sed -e 's/\.\.\./@/g' -e 's/[][\\.*^$]/\\&/g' -e 's/@/.*/g')
        grep -q -e "^$pattern\$" out || fail "block $number, no [$pattern] in: $(cat out)"
    done <"$number.text"
}

first=00000000000000000000
seq 1 40 | strandline append orders --batch-records 10
seq 1 30 | strandline append payments --batch-records 10

# It will not start.
mkfifo in acks
strandline append idle/0 --acks <in >acks &
writer=$!
exec 3>in 4<acks
echo one >&3
read -r ack <&4
block 4 '^strandline recover$'
exec 3>&-
wait "$writer"
exec 4<&-
strandline delete idle
rm -f data/strandline.clean
printf 'half a batch' >>data/payments-0/$first.log
block 3 'dry-run'
block 3 '^strandline recover$'

# Is everything there?
block 0 'verify'

# A log is quarantined.
rm -f data/strandline.clean
second=$(strandline dump data/orders-0/$first.log | sed -n 's/^baseOffset: 10 .* position: \([0-9]*\) .*/\1/p')
printf '\377' | dd of=data/orders-0/$first.log bs=1 seek=$((second + 70)) conv=notrunc 2>/dev/null
block 0 'list'
block 2 'verify orders'
block 3 'salvage'
block 0 'remove-saved'

# The disk is full.  Doctor may find a problem with the machine that this runs on.
strandline doctor >/dev/null && code=0 || code=$?
block "$code" 'trim'

# The index.
block 0 'index verify'
block 0 'rebuild'

# What is noted of a log.
block 0 'checkpoint'
[ "$number" -eq "$(cat count)" ] || fail "$number of $(cat count) blocks of commands were run"
