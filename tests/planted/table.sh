#!/bin/sh
# table.sh DIRECTORY [NAME ...] -- Runs the programs planted_NAME in DIRECTORY, each on the workload
# and in the pass that its patch names, and prints a table.  Fails unless each bug is caught, by an
# invariant that its patch names, and the same workloads and passes find nothing without a bug.
#
# The last column tells what a kill at any operation finds alone, of the same workload; it is
# information.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# field PATCH NAME: what stands behind "NAME: " in front of the diff.
field() {
    sed -n "/^---/q; s/^$2: //p" "$1"
}

# explore PROGRAM WORKLOAD PASS CRASHES RESULT
explore() {
    ram=$(mktemp -d /dev/shm/strandline-planted-XXXXXX)
    "$1" "$2" "$3" "$4" "$ram" >"$5" 2>"$5.said" ||
        printf 'failed\t0\t0\n%s\n' "$(tail -n 1 "$5.said")" >"$5"
    rm -rf "$ram"
}

# What xargs calls: table.sh --bug DIRECTORY RESULTS NAME, table.sh --none DIRECTORY RESULTS WORKLOAD/PASS
case $1 in
--bug)
    patch=$here/$4.patch
    workload=$(field "$patch" Workload)
    explore "$2/planted_$4" "$workload" "$(field "$patch" Pass)" all "$3/$4.all"
    explore "$2/planted_$4" "$workload" cuts kill "$3/$4.kill"
    exit
    ;;
--none)
    explore "$2/planted_nothing" "${4%/*}" "${4#*/}" all "$3/none-${4%/*}-${4#*/}"
    exit
    ;;
esac

directory=$1
shift
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
processors=$(nproc)
if [ $# -eq 0 ]; then
    for patch in "$here"/*.patch; do
        name=${patch##*/}
        set -- "$@" "${name%.patch}"
    done
fi

for name in "$@"; do
    echo "$(field "$here/$name.patch" Workload)/$(field "$here/$name.patch" Pass)"
done | sort -u >"$results/ways"
xargs -P "$processors" -n 1 sh "$0" --none "$directory" "$results" <"$results/ways"
printf '%s\n' "$@" | xargs -P "$processors" -n 1 sh "$0" --bug "$directory" "$results"

failures=0
kills=0
echo "| bug | caught by | workload, pass | states | seconds | kill alone |"
echo "|---|---|---|---|---|---|"
for name in "$@"; do
    patch=$here/$name.patch
    IFS='	' read -r found states seconds <"$results/$name.all"
    IFS='	' read -r killed rest <"$results/$name.kill"
    case ", $(field "$patch" Invariant), $(field "$patch" Also)," in
    *", $found,"*) ;;
    *)
        failures=$((failures + 1))
        echo "$name: found $found, not $(field "$patch" Invariant): $(sed -n 2p "$results/$name.all")" >&2
        ;;
    esac
    if [ "$killed" = - ]; then killed=no; else kills=$((kills + 1)); fi
    echo "| $(sed -n 1p "$patch") (\`$name\`) | \`$found\` | $(field "$patch" Workload), $(field "$patch" Pass) | $states | $seconds | $killed |"
done
states=0
for way in $(cat "$results/ways"); do
    IFS='	' read -r found some rest <"$results/none-${way%/*}-${way#*/}"
    states=$((states + some))
    if [ "$found" != - ]; then
        failures=$((failures + 1))
        echo "without a bug, ${way%/*}, pass ${way#*/}: $found: $(sed -n 2,3p "$results/none-${way%/*}-${way#*/}")" >&2
    fi
done
echo "| none | nothing, in $(wc -l <"$results/ways") workloads and passes | the same | $states | | no |"
echo
echo "$# bugs, $failures not as they should be; a kill alone finds $kills"
[ "$failures" -eq 0 ]
