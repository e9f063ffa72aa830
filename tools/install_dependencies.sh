#!/bin/sh
# install_dependencies.sh [build|test|bench] -- Installs what building (default), testing, or comparing with
# other libraries needs and the machine lacks, with apt-get; says nothing when nothing is missing.
set -eu

build='cmake ninja-build pkg-config gcc libc6-dev libjansson-dev
    liblz4-dev liblmdb-dev zlib1g-dev libsnappy-dev libzstd-dev'
test="$build g++ libcriterion-dev clang clang-tidy clang-format libclang-rt-14-dev cppcheck
    binutils jq patch strace e2fsprogs xfsprogs maven default-jdk-headless valgrind"
# Peers of strandline-bench, and what draws its plots; 300 MiB, and nothing else needs them.
bench="$build librocksdb-dev libleveldb-dev libsqlite3-dev libwiredtiger-dev gnuplot-nox"

case ${1-build} in
build) wanted=$build ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
*)
    echo "usage: install_dependencies.sh [build|test|bench]" >&2
    exit 64
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian or a relative of it: please install what corresponds to" >&2
    echo "  $wanted" | tr -s '\n ' ' ' >&2
    echo >&2
    exit 0
fi

missing=
for package in $wanted; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "Installing:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The lists of packages may be absent or too old: then once more with new ones.
# shellcheck disable=SC2086 # lists of words
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}
if ! install; then
    $as_root apt-get update >"$log" 2>&1 && install ||
        { cat "$log" >&2; exit 1; }
fi
