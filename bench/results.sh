#!/bin/sh
# results.sh OUT -- The tables of docs/PERFORMANCE.md from the JSON lines in OUT: environment, targets,
# peers.  A figure that was not measured is told as such.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
set -- "$out"/*.json
[ -e "$1" ] || { echo "results.sh: no figures in $out" >&2; exit 1; }

echo '### Conditions'
echo
head -q -n 1 "$@" | head -n 1 | awk -f "$here/rows.awk" -f "$here/results_environment.awk"
grep -lq '"quotable":false' "$@" && echo && echo 'Not to be quoted elsewhere: see the warnings of `strandline-bench`.'
echo
echo '### Targets'
echo
awk -v out="$out" -f "$here/rows.awk" -f "$here/results_targets.awk" "$here/targets.txt"
for prefix in ext4- xfs-; do
    ls "$out/$prefix"*.json >/dev/null 2>&1 || continue
    echo
    echo "### Durable appends on ${prefix%-} in a file"
    echo
    awk -v out="$out" -v prefix="$prefix" -f "$here/rows.awk" -f "$here/results_targets.awk" "$here/targets.txt"
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
cat "$out"/compare-*.json 2>/dev/null | awk -f "$here/rows.awk" -f "$here/results_peers.awk"
