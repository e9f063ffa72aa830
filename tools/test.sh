#!/bin/sh
# test.sh [--no-skips] [PRESET...] -- Installs what testing needs, then builds every preset (or those
# named) and runs all of its tests.  Ends with one line: N passed, N failed, N skipped.
#
# Counted are single tests: those of a Criterion program one by one, every other program or script as
# one.  Exit status 0 only if nothing failed and, with --no-skips, nothing was skipped.
set -eu
cd "$(dirname "$0")/.."

no_skips=false
if [ "${1-}" = --no-skips ]; then
    no_skips=true
    shift
fi
presets=${*:-dev clang tsan release}
jobs=$(getconf _NPROCESSORS_ONLN)
began=$(date +%s)
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

# build PRESET -- Says nothing unless it fails.
build() {
    mkdir -p "build/$1"
    if ! cmake --preset "$1" >"build/$1/build.log" 2>&1 ||
        ! cmake --build --preset "$1" -j "$jobs" >>"build/$1/build.log" 2>&1; then
        tail -n 60 "build/$1/build.log"
        return 1
    fi
    # Warnings of the compilers are errors in all presets but release; those of CMake never are.
    ! grep -A 3 '^CMake Warning' "build/$1/build.log"
}

# count PRESET -- Prints "passed failed skipped" from what ctest printed and logged.
count() {
    awk '
    FILENAME ~ /LastTest/ && /^[0-9]+\/[0-9]+ Testing: / { name = $3 }
    FILENAME ~ /LastTest/ && /^\[SKIP\] / { skips[name]++ }
    FILENAME ~ /LastTest/ && /^\[====\] Synthesis: / {
        line = $0
        gsub(/[^0-9]+/, " ", line)
        split(line, numbers, " ")
        is_counted[name] = 1
        passes[name] = numbers[2]
        failures[name] = numbers[3] + numbers[4]
    }
    FILENAME !~ /LastTest/ && / Test +#[0-9]+: / {
        name = $0
        sub(/.* Test +#[0-9]+: /, "", name)
        sub(/ .*/, "", name)
        skipped += skips[name]
        passed += passes[name]
        if (/ Passed /)
            passed += !is_counted[name]
        else if (/\*\*\*Skipped|\(Disabled\)/)
            skipped++
        else
            failed += failures[name] > 0 ? failures[name] : 1
    }
    END { print passed + 0, failed + 0, skipped + 0 }
    ' "build/$1/Testing/Temporary/LastTest.log" "build/$1/test.log"
}

# show_skips PRESET
show_skips() {
    grep -h -e '^\[SKIP\]' -e '^SKIP:' "build/$1/Testing/Temporary/LastTest.log" | sort -u || true
}

sh tools/install_dependencies.sh test

all_passed=0 all_failed=0 all_skipped=0
for preset in $presets; do
    echo "== $preset"
    start=$(date +%s)
    if ! build "$preset"; then
        all_failed=$((all_failed + 1))
        printf '%-8s does not build\n' "$preset" >>"$rows"
        continue
    fi
    built=$(date +%s)

    rm -f "build/$preset/Testing/Temporary/LastTest.log"
    ended_well=true
    ctest --preset "$preset" -j "$jobs" >"build/$preset/test.log" 2>&1 || ended_well=false
    $ended_well || sed '/^ *[0-9]*\/[0-9]* .* Passed /d; /^ *Start /d; /^\[RUN \]/d; /^\[PASS\]/d' \
        "build/$preset/test.log"
    tested=$(date +%s)

    # shellcheck disable=SC2046 # three numbers
    set -- $(count "$preset")
    # Whatever ctest was unhappy about is a failure, also when no single test is.
    if ! $ended_well && [ "$2" -eq 0 ]; then
        set -- "$1" 1 "$3"
    fi
    [ "$3" -eq 0 ] || show_skips "$preset"
    all_passed=$((all_passed + $1))
    all_failed=$((all_failed + $2))
    all_skipped=$((all_skipped + $3))
    printf '%-8s %5d passed %3d failed %3d skipped   build %3d s, tests %3d s\n' "$preset" \
        "$1" "$2" "$3" $((built - start)) $((tested - built)) >>"$rows"
    tail -n 1 "$rows"
done

echo
echo "== Summary, after $(($(date +%s) - began)) s"
cat "$rows"
echo "$all_passed passed, $all_failed failed, $all_skipped skipped"

[ "$all_failed" -eq 0 ] && [ "$all_passed" -gt 0 ] || exit 1
if $no_skips && [ "$all_skipped" -gt 0 ]; then
    exit 1
fi
