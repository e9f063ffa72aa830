#!/bin/sh
# results.sh OUT -- The tables of docs/PERFORMANCE.md from the JSON lines in OUT: environment, targets,
# peers.  A figure that was not measured is told as such.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
set -- "$out"/*.json
[ -e "$1" ] || { echo "results.sh: no figures in $out" >&2; exit 1; }

# How many runs most files are of; rows with fewer are marked.  Servers, without environment, have one.
usual=$(awk 'FNR == 1 && /"environment":/ && match($0, /"runs":[0-9]+/) { print substr($0, RSTART + 7, RLENGTH - 7) }' \
    "$@" | sort | uniq -c | sort -k 1,1n -k 2,2n | awk 'END { print $2 + 0 }')

# targets [PREFIX] -- Their table, or what is in it of the runs that begin with PREFIX.
targets() {
    awk -v out="$out" -v usual="$usual" -v prefix="${1-}" -f "$here/rows.awk" -f "$here/results_targets.awk" \
        "$here/targets.txt"
}

echo '### Conditions'
echo
awk -f "$here/rows.awk" -f "$here/results_environment.awk" "$@"
grep -lq '"quotable":false' "$@" && echo && echo 'Not to be quoted elsewhere: see the warnings of `strandline-bench`.'
echo
echo '### Targets'
echo
targets
for prefix in ext4- xfs-; do
    ls "$out/$prefix"*.json >/dev/null 2>&1 || continue
    echo
    echo "### Durable appends on ${prefix%-} in a file"
    echo
    awk -v facts='file_system journal mount_options' -f "$here/rows.awk" -f "$here/results_environment.awk" \
        "$out/$prefix"*.json
    echo
    targets "$prefix"
done
if ls "$out"/server-*.json >/dev/null 2>&1; then
    echo
    echo '### Servers'
    echo
    cat "$out"/server-*.json | awk -f "$here/rows.awk" -f "$here/results_servers.awk"
fi
echo
echo '### Peers'
echo
cat "$out"/compare-*.json 2>/dev/null | awk -v usual="$usual" -f "$here/rows.awk" -f "$here/results_peers.awk"
