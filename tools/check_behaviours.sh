#!/bin/sh
# check_behaviours.sh -- Each test that tests/BEHAVIOURS.md names exists.
#
# A test is named in backquotes: `batch/crc_covers_the_attributes` is Test(batch, crc_...), also
# ParameterizedTest or Theory, in a .c file below tests/; `tests/cli/append.sh` is a file.  Each row
# of a table there names a test, or gives a reason that begins with "not" or "later".
set -eu
cd "$(dirname "$0")/.."
list=tests/BEHAVIOURS.md

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find tests -name '*.c' -exec cat {} + | tr '\n' ' ' |
    grep -oE '(Test|ParameterizedTest|Theory)\([^;{]*' |
    sed -E -e 's/^Theory\(\([^)]*\),/Test(/' \
        -e 's/^ParameterizedTest\([^,]*,/Test(/' \
        -e 's/^Test\( *([a-z0-9_]+) *, *([a-z0-9_]+).*/\1\/\2/' | sort -u >"$work/tests"

awk '
{
    line = $0
    while (match(line, /`[a-z0-9_.]+\/[A-Za-z0-9_.\/-]+`/)) {
        print FNR, substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, RSTART + RLENGTH)
    }
}' "$list" >"$work/named"

failures=0
while read -r line name; do
    case $name in
    tests/*) [ -e "$name" ] && continue ;;
    *) grep -qx "$name" "$work/tests" && continue ;;
    esac
    echo "$list:$line: there is no test $name"
    failures=$((failures + 1))
done <"$work/named"

# The last cell of a row is what shows the behaviour.
awk -F'|' -v list="$list" '
/^\|/ && !/^\|[ -]*-/ {
    cell = $(NF - 1)
    if (FNR > 1 && previous !~ /^\|/) { previous = $0; next } # the heading of a table
    if (cell !~ /`[a-z0-9_.]+\// && cell !~ /^ *(not|later)/) {
        printf "%s:%d: names no test and gives no reason: %s\n", list, FNR, $0
        failures++
    }
}
{ previous = $0 }
END { exit failures > 0 }' "$list" || failures=$((failures + 1))

[ "$failures" -eq 0 ] && echo "$(wc -l <"$work/named") tests named, all exist"
