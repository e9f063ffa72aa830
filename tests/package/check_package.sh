#!/bin/sh
# check_package.sh SOURCE_DIR BUILD_DIR CC -- Installs what was built into a directory of its own, and
# builds the same small program against it in every way that users have: find_package and pkg-config,
# shared and static, C and C++; then against the sources, with FetchContent.
set -eu
source_dir=$1
build_dir=$2
CC=$3

for tool in cmake ninja pkg-config c++; do
    if ! command -v "$tool" >/dev/null; then
        echo "SKIP: $tool is not installed"
        exit 77
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
consumer=$source_dir/tests/package

cmake --install "$build_dir" --prefix "$work/installed" >"$work/install.log" ||
    { cat "$work/install.log"; exit 1; }
# An installed tree may be moved: nothing in it may remember where it was.
mv "$work/installed" "$prefix"
libdir=$(dirname "$(find "$prefix" -name libstrandline.a)")

# run PROGRAM -- It works, on a data directory of its own.
run() {
    data=$(mktemp -d -p "$work")
    LD_LIBRARY_PATH=$libdir "$1" "$data/log"
    echo "ok: ${1#"$work"/}"
}

# with_cmake NAME [OPTION...]
with_cmake() {
    name=$1
    shift
    cmake -G Ninja -S "$consumer" -B "$work/$name" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$CC" "$@" >"$work/$name.log" 2>&1 &&
        cmake --build "$work/$name" >>"$work/$name.log" 2>&1 ||
        { cat "$work/$name.log"; exit 1; }
    run "$work/$name/consumer_c"
    run "$work/$name/consumer_cpp"
}

with_cmake shared
with_cmake static -DSTRANDLINE_COMPONENT=static
with_cmake fetched -DSTRANDLINE_SOURCE="$source_dir"

# shellcheck disable=SC2046 # pkg-config prints lists
(
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    "$CC" "$consumer/consumer.c" -o "$work/pkg_shared" $(pkg-config --cflags --libs strandline)
    c++ "$consumer/consumer.cc" -o "$work/pkg_cpp" $(pkg-config --cflags --libs strandline)
    "$CC" -static "$consumer/consumer.c" -o "$work/pkg_static" \
        $(pkg-config --static --cflags --libs strandline)
    version=$(pkg-config --modversion strandline)
    [ "$version" = "$("$work/shared/consumer_c" --version)" ] ||
        { echo "pkg-config says version $version"; exit 1; }
)
run "$work/pkg_shared"
run "$work/pkg_cpp"
run "$work/pkg_static"

# The crash kit, a library of its own: shared, static, and by find_package.
(
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    # shellcheck disable=SC2046 # pkg-config prints lists
    "$CC" -std=c99 "$source_dir/examples/crash_user.c" -o "$work/crash_shared" \
        $(pkg-config --cflags --libs strandline-crash)
    # shellcheck disable=SC2046
    "$CC" -std=c99 -static "$source_dir/examples/crash_user.c" -o "$work/crash_static" \
        $(pkg-config --static --cflags --libs strandline-crash)
)
run "$work/crash_shared"
run "$work/crash_static"
mkdir "$work/crash"
cat >"$work/crash/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(crash LANGUAGES C)
find_package(strandline REQUIRED COMPONENTS crash)
add_executable(crash_user $source_dir/examples/crash_user.c)
target_link_libraries(crash_user PRIVATE strandline::crash)
END
cmake -G Ninja -S "$work/crash" -B "$work/crash/build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$CC" >"$work/crash.log" 2>&1 &&
    cmake --build "$work/crash/build" >>"$work/crash.log" 2>&1 ||
    { cat "$work/crash.log"; exit 1; }
run "$work/crash/build/crash_user"

# The versions that must not be found.
if cmake -S "$consumer" -B "$work/newer" -DCMAKE_PREFIX_PATH="$prefix" \
    -DSTRANDLINE_VERSION=99.0 >/dev/null 2>&1; then
    echo "find_package accepted version 99.0"
    exit 1
fi
