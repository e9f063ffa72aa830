#!/bin/sh
# check_headers.sh -- Every header compiles alone, twice in a row; the public ones as C99 and as C++17
# too, with all warnings, because their users' compilers will look at them.
set -eu
cd "$(dirname "$0")/.."

CC=${CC:-cc}
CXX=${CXX:-c++}
for tool in "$CC" "$CXX"; do
    if ! command -v "$tool" >/dev/null; then
        echo "SKIP: $tool is not installed"
        exit 77
    fi
done

warnings='-Wall -Wextra -Wpedantic -Wundef -Wcast-qual -Werror'
failures=0

# compile LANGUAGE COMPILER OPTIONS HEADER
compile() {
    # shellcheck disable=SC2086 # options are lists
    if ! printf '#include "%s"\n#include "%s"\n' "$4" "$4" |
        $2 -fsyntax-only $3 $warnings -x "$1" -; then
        echo "$4 does not compile alone: $2 $3"
        failures=$((failures + 1))
    fi
}

for header in $(find base simulation storage index recovery engine crashtest bench -name '*.h' | sort); do
    compile c "$CC" '-std=c11 -D_POSIX_C_SOURCE=200809L -I. -Iinclude' "$header"
done
for header in $(cd include && find strandline -name '*.h' | sort); do
    compile c "$CC" '-std=c99 -Wstrict-prototypes -Iinclude' "$header"
    compile c "$CC" '-std=c11 -Wstrict-prototypes -Iinclude' "$header"
    compile c++ "$CXX" '-std=c++17 -Iinclude' "$header"
done
[ "$failures" -eq 0 ]
