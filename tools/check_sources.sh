#!/bin/sh
# check_sources.sh -- Every source file and every test is named by the build: nothing is left out
# unnoticed.
set -eu
cd "$(dirname "$0")/.."
failures=0

# named FILE WORD LIST... -- WORD, or the end of the file's path, stands in one of the lists.
named() {
    file=$1
    word=$2
    shift 2
    if ! cat "$@" | tr -s ' ()' '\n\n\n' | grep -qxF -e "$word" -e "${file#tests/}"; then
        echo "$file is not named by $*"
        failures=$((failures + 1))
    fi
}

for file in base/*.c storage/*.c index/*.c recovery/*.c engine/*.c; do
    named "$file" "$file" CMakeLists.txt
done
for file in include/strandline/*.h; do
    named "$file" "$file" CMakeLists.txt
done
for folder in simulation crashtest tools bench; do
    for file in "$folder"/*.c; do
        named "$file" "${file#*/}" "$folder/CMakeLists.txt"
    done
done
for file in examples/*.c; do
    name=${file#*/}
    named "$file" "${name%.c}" examples/CMakeLists.txt
done
for file in tests/unit/test_*.c; do
    name=${file#tests/unit/test_}
    named "$file" "${name%.c}" tests/programs.cmake
done
for file in tests/support/*.c; do
    named "$file" "${file#tests/}" tests/programs.cmake
done
for file in tests/stress/*.c tests/crash/*.c tests/cli/*.sh; do
    name=${file##*/}
    named "$file" "${name%.*}" tests/programs.cmake tests/interleavings.cmake tests/CMakeLists.txt
done
[ "$failures" -eq 0 ]
