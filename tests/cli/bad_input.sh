#!/bin/sh
# bad_input.sh -- Bad input ends with one sentence that names what and where, the exit code that the
# manual promises, and everything before it kept.
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

# refuses CODE PATTERN COMMAND...: its input is the file "in".
: >in
refuses() {
    code=$1
    pattern=$2
    shift 2
    actual=0
    "$strandline" "$@" <in >out 2>err || actual=$?
    expect "exit code of $*" "$code" "$actual"
    expect "lines on stderr of $*" 1 "$(wc -l <err | tr -d ' ')"
    grep -q '^strandline: ' err || fail "$*: no sentence of ours: $(cat err)"
    grep -q -e "$pattern" err || fail "$*: no \"$pattern\" in: $(cat err)"
}

# The command line.
refuses 64 'no command frobnicate' frobnicate
refuses 64 'which log' append
refuses 64 'no option --frob' append orders --frob
refuses 64 'needs a value' append orders --codec
refuses 64 'must be one of none, gzip, snappy, lz4, zstd' append orders --codec lzma
refuses 64 'not a number' append orders --batch-bytes many
refuses 64 'must be from 1 to' append orders --batch-bytes 0
refuses 64 'unexpected "more"' read orders more
refuses 64 'to OFFSET is required' truncate orders
refuses 64 'not a place to start' read orders --from yesterday
refuses 64 'not a letter' read orders --format %z
refuses 64 'acks tells what is durable: it does not go with --durability written' \
    append orders --durability written --acks
refuses 64 'takes no value' append orders --acks=yes
for topic in . .. 'a b' 'a:b' '' "$(head -c 250 /dev/zero | tr '\0' a)"; do
    refuses 64 'topic' append "$topic"
done
for partition in -1 x 2147483648 '' 1/2; do
    refuses 64 'partition must be from 0' append "orders/$partition"
done
(
    unset STRANDLINE_DATA
    refuses 64 'which data directory' list
)
[ ! -e data ] || fail "a refused command has made a data directory"

# What is not there.
refuses 1 'nowhere' append orders nowhere
refuses 1 'data' read orders
printf 'one\n' | "$strandline" append orders
refuses 1 'missing' read missing
refuses 1 'missing' verify missing
refuses 1 'missing' delete missing
refuses 1 'missing' truncate missing --to 0
refuses 1 '99' read orders --from 99

# A data directory that is not ours, and one of a newer format.
mkdir foreign
echo diary >foreign/notes.txt
refuses 1 'foreign' append orders --data foreign
expect "files in a foreign directory" notes.txt "$(ls -A foreign | grep -v '^\.lock$')"
cp -r data newer
sed -i 's/^strandline 1$/strandline 99/' newer/strandline.format
refuses 1 'newer' read orders --data newer
echo file >file
refuses 64 'file' append orders --data file

# Lines that are too long: what stood before is there, durably.
{
    printf 'before\n'
    head -c 3000000 /dev/zero | tr '\0' x
    printf '\nafter\n'
} >in
refuses 1 'line 2 of standard input.*1048588 bytes' append long
expect "before a long line" before "$("$strandline" read long)"
printf 'before\n12345678901234567890\n' >in
refuses 1 'line 2 of standard input.*80 bytes' append short --max-message-bytes 80
expect "before a long record" before "$("$strandline" read short)"

# Broken JSON.
printf '{"value":"one"}\n{"value":"two"}\n{"value":\n{"value":"four"}\n' >in
refuses 1 'line 3 of standard input: not JSON' append json --input ndjson --json
expect "JSON before the broken line" 'one two ' "$("$strandline" read json | tr '\n' ' ')"
expect "summary of broken input" \
    '{"topic":"json","partition":0,"records":2,"first_offset":0,"last_offset":1,"durable":true}' \
    "$(cat out)"
printf '{"vlaue":"one"}\n' >in
refuses 1 'line 1 of standard input: unknown member "vlaue"' append json2 --input ndjson

# Length-prefixed input that ends too early.
printf '\000\000\000\003one\000\000\000\003tw' >in
refuses 1 'record 2 of standard input: the input ends inside it' append length --input length
expect "before the end" one "$("$strandline" read length)"

# Escape sequences in the input do not reach the terminal.
printf '{"\033[31mred":1}\n' >in
refuses 1 'line 1' append escape --input ndjson
! grep -q "$(printf '\033')" err || fail "an escape sequence on stderr"

# A directory that cannot be written.
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod 500 locked
    refuses 1 'locked' append orders --data locked/data
fi

# In use: another process has it.
mkfifo pipe
"$strandline" append orders --acks <pipe >acks 2>writer.err &
writer=$!
exec 3<>pipe # to write; opened like this it does not wait for a reader that has gone
echo two >&3
pauses=0
until [ -s acks ]; do
    kill -0 "$writer" 2>/dev/null || fail "the writer ended: $(cat writer.err)"
    pauses=$((pauses + 1))
    [ "$pauses" -lt 2000 ] || fail "the writer acknowledges nothing: $(cat writer.err)"
    sleep 0.02
done
: >in
refuses 4 'data.* in use' append orders
expect "reading beside a writer" 'one two ' "$("$strandline" read orders | tr '\n' ' ')"
exec 3>&-
wait "$writer"
