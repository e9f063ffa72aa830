#!/bin/sh
# check_exports.sh LIBRARY -- The shared library exports exactly what the public headers declare with
# STRAND_API.
set -eu
cd "$(dirname "$0")/.."
library=$1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case ${library##*/} in
libstrandline-crash*) headers=include/strandline/crash.h ;;
*) headers=$(find include/strandline -name '*.h' ! -name crash.h | sort) ;;
esac
# shellcheck disable=SC2086 # a list of names without spaces
cat $headers | awk '
/^STRAND_API / { declaration = ""; is_open = 1 }
is_open {
    declaration = declaration " " $0
    if (match(declaration, /strand_[a-z0-9_]+\(/)) {
        print substr(declaration, RSTART, RLENGTH - 1)
        is_open = 0
    }
}' | sort >"$work/declared"

# AddressSanitizer adds symbols of its own next to each of ours.
nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3); print $3 }' |
    grep -v -e '^__odr_asan' -e '^__asan' -e '^_init$' -e '^_fini$' | sort >"$work/exported"

if ! diff -u "$work/declared" "$work/exported"; then
    echo "- is declared and not exported, + is exported and not declared"
    exit 1
fi
echo "$(wc -l <"$work/exported") symbols exported"
