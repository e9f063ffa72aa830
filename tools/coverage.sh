#!/bin/sh
# coverage.sh [--list] [--report-only] -- How much of recovery, of storage and of the way of an append
# the unit and crash tests reach.
#
# Builds the preset "coverage", runs its tests but the nightly ones, and prints for each file the
# share of lines that were run and of branches that were taken, asserts left out: their other branch
# ends the program.  --list: also each line that was not run, and each branch of others that was not
# taken, as FILE:LINE: text.  --report-only: of the tests that were run last.
set -eu
cd "$(dirname "$0")/.."

list=0
runs=true
for argument; do
    case $argument in
    --list) list=1 ;;
    --report-only) runs=false ;;
    *)
        echo "usage: coverage.sh [--list] [--report-only]" >&2
        exit 2
        ;;
    esac
done
build=${STRANDLINE_COVERAGE_BUILD:-build/coverage}
jobs=$(getconf _NPROCESSORS_ONLN)

if $runs; then
    cmake --preset coverage -B "$build" >/dev/null
    cmake --build "$build" -j "$jobs" >/dev/null
    find "$build" -name '*.gcda' -exec rm -f {} +
    ctest --test-dir "$build" -L '^(unit|crash)$' -LE nightly -j "$jobs" --output-on-failure \
        >"$build/coverage_tests.log" 2>&1 || {
        tail -n 40 "$build/coverage_tests.log"
        exit 1
    }
fi

append='base/file base/file_replace engine/checkpointer engine/commit_queue engine/committer
    engine/engine_load engine/log_adopt engine/log_append engine/log_commit engine/log_cut engine/log_gate
    engine/log_gather
    engine/log_load engine/log_stage engine/log_trim engine/log_wait engine/log_waiters engine/log_write'
objects=$build/CMakeFiles/strandline_objects.dir

for file in recovery/*.c storage/*.c $append; do
    file=${file%.c}.c
    [ -f "$objects/$file.gcda" ] || {
        echo "$file: no test has run it" >&2
        exit 1
    }
    gcov --stdout --branch-probabilities --branch-counts "$objects/$file.gcda" 2>/dev/null |
        awk -v file="$file" -v list="$list" '
    function share(part, all) {
        return all ? 100 * part / all : 100
    }

    # The lines of the file itself, not of headers; several copies of one are never made of C.
    /^ *-: *0:Source:/ {
        is_ours = substr($0, length($0) - length(file) + 1) == file
        next
    }
    !is_ours { next }

    /^ *[^ :]+: *[0-9]+:/ {
        count = $0
        sub(/:.*/, "", count)
        gsub(/[ *]/, "", count)
        rest = $0
        sub(/^[^:]*: */, "", rest)
        number = rest
        sub(/:.*/, "", number)
        text = rest
        sub(/^[0-9]+:[ \t]*/, "", text)
        is_assert = text ~ /strand_(debug_)?assert\(/
        is_run = count != "#####" && count != "-"
        if (number > 0 && count != "-") {
            lines++
            lines_run += is_run
            if (!is_run)
                missing[++missed] = sprintf("%s:%d: %s", file, number, text)
        }
        is_named = !is_run
        next
    }
    /^branch / && !is_assert {
        branches++
        if ($0 ~ /never executed/ || $0 ~ /taken 0( |$)/) {
            if (!is_named)
                missing[++missed] = sprintf("%s:%d: (one way only) %s", file, number, text)
            is_named = 1
        } else
            taken++
    }
    END {
        printf "%-36s %5d lines %5.1f %%   %5d branches %5.1f %%\n", file, lines,
            share(lines_run, lines), branches, share(taken, branches)
        for (i = 1; list && i <= missed; i++)
            print "    " missing[i]
        printf "sum %d %d %d %d\n", lines, lines_run, branches, taken
    }'
done | awk '
$1 == "sum" {
    split(file, folder, "/")
    for (i = 2; i <= 5; i++)
        sums[folder[1], i] += $i
    folders[folder[1]] = 1
    next
}
{
    if ($0 !~ /^ /)
        file = $1
    print
}
END {
    for (name in folders)
        printf "%-36s %5d lines %5.1f %%   %5d branches %5.1f %%\n", "all of it in " name "/",
            sums[name, 2], 100 * sums[name, 3] / sums[name, 2], sums[name, 4],
            100 * sums[name, 5] / sums[name, 4] | "sort"
}'
