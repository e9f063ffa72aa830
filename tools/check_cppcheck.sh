#!/bin/sh
# check_cppcheck.sh -- cppcheck over the library and the command: no findings but those that
# tools/cppcheck_suppressions.txt gives a reason for.
set -eu
cd "$(dirname "$0")/.."

if ! command -v cppcheck >/dev/null; then
    echo "SKIP: cppcheck is not installed"
    exit 77
fi

cppcheck --quiet --error-exitcode=1 --std=c11 --language=c -j "$(getconf _NPROCESSORS_ONLN)" \
    --enable=warning,performance,portability --inconclusive \
    --suppressions-list=tools/cppcheck_suppressions.txt \
    -D__x86_64__ -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234 \
    -DSTRAND_VERSION_STRING='"0"' -DBENCH_BUILD_TYPE='"0"' -DBENCH_LZ4_VERSION='"0"' \
    -DBENCH_LMDB_VERSION='"0"' -DSTRAND_HAVE_ZLIB -DSTRAND_HAVE_SNAPPY -DSTRAND_HAVE_ZSTD -I. -Iinclude \
    base simulation storage index recovery engine crashtest tools bench
