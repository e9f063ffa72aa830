#!/bin/sh
# plot.sh OUT TO -- Draws the plots of docs/PERFORMANCE.md (SVG, by gnuplot) from the JSON lines in OUT,
# into TO.  What was not measured is not drawn.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
to=$2

command -v gnuplot >/dev/null || { echo "plot.sh: gnuplot is not installed (Debian: gnuplot-nox)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# series FILE FIGURE SIDE CONDITION FACTOR -- "condition median min max" of each case, by condition.
series() {
    awk -v figure="$2" -v side="$3" -v condition="$4" -v factor="$5" -f "$here/rows.awk" -f "$here/plot_series.awk" \
        "$1" | sort -n
}

# draw NAME [SIDE...] -- NAME.gp with the data files that it names, for the sides that have any.
draw() {
    name=$1
    shift
    sides=
    for side in "$@"; do
        [ ! -s "$work/$name-$side" ] || sides="$sides $side"
    done
    if [ -z "$sides" ]; then
        echo "plot.sh: nothing to draw for $name" >&2
        return 0
    fi
    gnuplot -e "sides='$sides'; data='$work/$name-'; output='$to/$name.svg'" "$here/plot_$name.gp"
    echo "$to/$name.svg" >&2
}

mkdir -p "$to"
peers='rocksdb leveldb lmdb sqlite wiredtiger'
for side in strandline raw $peers; do
    [ ! -e "$out/plot-batches.json" ] ||
        series "$out/plot-batches.json" throughput "$side" batch_records 1e-6 >"$work/batches-$side"
    [ ! -e "$out/plot-threads.json" ] ||
        series "$out/plot-threads.json" appends "$side" threads 1e-3 >"$work/threads-$side"
    for quantile in p50 p99; do
        # shellcheck disable=SC2046 # a list of files
        cat $(find "$out" -name 'plot-load-*.json') /dev/null >"$work/loads"
        series "$work/loads" "$quantile" "$side" rate 1e6 >"$work/load-$side-$quantile"
    done
    cp "$work/load-$side-p50" "$work/load-$side"
done
cat "$out"/plot-recovery-*.json >"$work/recoveries" 2>/dev/null || true
for side in unclean clean; do
    series "$work/recoveries" time "$side" bytes 1e3 >"$work/recovery-$side"
done
[ ! -e "$out/plot-partitions.json" ] ||
    for side in strandline raw; do
        series "$out/plot-partitions.json" "time per append" "$side" logs 1e6 >"$work/partitions-$side"
    done

# shellcheck disable=SC2086 # lists of words
{
    draw batches strandline raw $peers
    draw load strandline $peers
    draw threads strandline raw $peers
    draw recovery unclean clean
    draw partitions strandline raw
}
