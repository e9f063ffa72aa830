#!/bin/sh
# publish.sh OUT -- Puts what reproduce.sh has left in OUT into docs/PERFORMANCE.md, between its marks, and
# the plots beside it, into docs/performance.
set -eu
cd "$(dirname "$0")/.."
out=$1
page=docs/PERFORMANCE.md
[ -s "$out/results.md" ] || { echo "publish.sh: no $out/results.md; reproduce.sh makes it" >&2; exit 1; }

mkdir -p docs/performance
for plot in "$out"/*.svg; do
    [ ! -e "$plot" ] || cp "$plot" docs/performance/
done
new=$(mktemp)
trap 'rm -f "$new"' EXIT
awk -v results="$out/results.md" '
    /^<!-- results begin/ {
        print
        print ""
        while ((getline line < results) > 0)
            print line
        is_inside = 1
    }
    /^<!-- results end/ { is_inside = 0; print "" }
    !is_inside
' "$page" >"$new"
cat "$new" >"$page"
echo "publish.sh: $page and $(find docs/performance -name '*.svg' | wc -l) plots" >&2
