#!/bin/sh
# check_format.sh [--fix] -- Every .c and .h file is as clang-format 14 writes it.
set -eu
cd "$(dirname "$0")/.."

formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$formatter" ] || ! "$formatter" --version | grep -q 'version 14\.'; then
    echo "SKIP: clang-format 14 is not installed; other versions format differently"
    exit 77
fi

if [ "${1-}" = --fix ]; then
    mode=-i
else
    mode='--dry-run -Werror'
fi
# shellcheck disable=SC2086 # two options
find include base simulation storage index recovery engine crashtest tools bench tests examples \
    -name '*.[ch]' -print | sort | xargs "$formatter" $mode
