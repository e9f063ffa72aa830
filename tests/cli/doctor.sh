#!/bin/sh
# doctor.sh -- doctor finds out what the machine means for durability, and leaves nothing behind.  What
# each fact means is tested in unit/test_cli_doctor.c; here the facts are those of this machine.
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

# Exit code 1 says that there is a problem, and nothing else does.
examine() {
    code=0
    "$strandline" doctor "$@" --json >out 2>err || code=$?
    [ ! -s err ] || fail "doctor said: $(cat err)"
    level=$(jq -r .level out)
    if [ "$level" = problem ]; then expect "exit code" 1 "$code"; else expect "exit code, $(cat out)" 0 "$code"; fi
}

echo one | "$strandline" append orders
find data | sort >before
examine
find data | sort | cmp - before || fail "doctor left something behind"
jq -e '(.file_system | length > 0) and .directory == "'"$(cd data && pwd -P)"'" and .free_bytes > 0 and
    .total_bytes >= .free_bytes and .sync_median_ns > 0 and .descriptor_limit > 0' out >/dev/null || fail "$(cat out)"
jq -e '[.findings[] | .level] | all(. == "ok" or . == "note" or . == "warning" or . == "problem")' \
    out >/dev/null || fail "$(cat out)"
jq -e '([.findings[].check] - ["file-system", "mount-options", "device", "journal", "sync", "free-space",
    "full-disk", "reserve", "descriptors", "maps", "memory", "file-size"]) == []' out >/dev/null || fail "$(cat out)"
jq -e '[.findings[].check] | index("file-system") == 0 and index("mount-options") and index("free-space") and
    index("full-disk") and index("descriptors")' out >/dev/null || fail "$(cat out)"
jq -e '[.findings[] | select(.level == "problem" or .level == "warning") | .advice | length > 0] | all' \
    out >/dev/null || fail "a problem without advice: $(cat out)"

# The directory as an operand; text; the limits of the process.
(
    unset STRANDLINE_DATA
    examine data
)
code=0
"$strandline" doctor data >out || code=$?
sed -n 1p out | grep -q "^$(cd data && pwd -P): [a-z]*\$" || fail "$(cat out)"
grep -q '^  [a-z]*: a process may have [0-9]* files open; ' out || fail "$(cat out)"
(
    ulimit -n 200
    examine
    jq -e '.descriptor_limit == 200 and
        (.findings[] | select(.check == "descriptors") | .level == "warning")' out >/dev/null || fail "$(cat out)"
)
(
    ulimit -f 4096
    examine
    jq -e '.findings[] | select(.check == "file-size") | .level == "warning"' out >/dev/null || fail "$(cat out)"
)

# Memory is no disk.
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ]; then
    examine /dev/shm
    expect "level of a tmpfs" problem "$level"
    jq -e '.findings[0] | .check == "file-system" and .level == "problem"' out >/dev/null || fail "$(cat out)"
    ! find /dev/shm -maxdepth 1 -name 'strandline.doctor*' | grep . || fail "doctor left a file behind"
fi

# A directory that cannot be written to is a problem, not a failure to tell.
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod 500 locked
    examine locked
    expect "level" problem "$level"
fi

code=0
"$strandline" doctor nowhere 2>err || code=$?
expect "exit code for a directory that is not there" 1 "$code"
grep -q nowhere err || fail "$(cat err)"
code=0
"$strandline" doctor before 2>err || code=$?
expect "exit code for a file" 64 "$code"
