#!/bin/sh
# reproduce.sh [--short] [--runs N] [--only NAME] [--loop KIND]... [--servers] DIRECTORY OUT -- Measures everything that
# docs/PERFORMANCE.md tells, in DIRECTORY, and leaves in OUT a file of JSON lines for each run, plots
# (SVG) and results.md, the tables.
#
#   --short      a tenth of the time: to see that everything works, not to be quoted
#   --runs N     instead of 5 of everything; 3 take two thirds of the time
#   --only NAME  only the runs whose names begin with NAME; may be given several times
#   --loop KIND  repeat what is durable on a file system of KIND (ext4: with a journal; xfs) in a file
#                in DIRECTORY; needs root; may be given several times
#   --servers    Kafka and NATS, too, where they are at hand (peers_remote.sh)
#   --program P  instead of build/release/bin/strandline-bench
#
# The full form takes about an hour and a half, and 28 GiB of free space with all peers; with --loop ten minutes more
# for each.  It can be interrupted: what is in OUT stays, and a run whose file is there is not made again.
# A run that fails leaves what it has printed in OUT/NAME.partial, which is no result, and is made when this
# is called again; the others are made all the same.  Exit codes: 0 everything is there, 1 something is
# missing, 64 the command line is wrong.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    sed -n '2,18s/^# \{0,1\}//p' "$0" >&2
    exit 64
}

short=false runs= only= loops= servers=false program=$here/../build/release/bin/strandline-bench
while [ $# -gt 2 ]; do
    case $1 in
    --short) short=true ;;
    --runs) runs=$2 && shift ;;
    --only) only="$only $2" && shift ;;
    --loop) loops="$loops $2" && shift ;;
    --servers) servers=true ;;
    --program) program=$2 && shift ;;
    *) usage ;;
    esac
    shift
done
[ $# -eq 2 ] || usage
directory=$1
out=$2

[ -d "$directory" ] || { echo "reproduce.sh: there is no directory $directory" >&2; exit 64; }
[ -x "$program" ] || {
    echo "reproduce.sh: no $program; build it: cmake --preset release && cmake --build --preset release" >&2
    exit 64
}
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
mkdir -p "$out"
out=$(cd "$out" && pwd)
directory=$(cd "$directory" && pwd)

if $short; then
    runs=${runs:-1} seconds=1 fill=128m small=64m large=512m one_segment=512m many=1000 server_records=40000
else
    runs=${runs:-5} seconds=2 fill=512m small=256m large=2g one_segment=1000m many=10000 server_records=400000
fi

mount_point= loop_file=
remove_file_system() {
    if [ -n "$mount_point" ]; then
        umount "$mount_point" || true
        rmdir "$mount_point" 2>/dev/null || true
    fi
    [ -z "$loop_file" ] || rm -f "$loop_file"
    mount_point= loop_file=
}

clean_up() {
    rm -f "$out"/*.part
    remove_file_system
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

is_wanted() {
    [ -n "$only" ] || return 0
    for begin in $only; do
        case $1 in "$begin"*) return 0 ;; esac
    done
    return 1
}

began=$(date +%s)
made=0 failed=

# keep NAME STATUS -- OUT/NAME.part becomes the result, or, where the run has failed, what is left of it.
keep() {
    if [ "$2" -eq 0 ] && [ -s "$out/$1.part" ]; then
        mv "$out/$1.part" "$out/$1.json"
        rm -f "$out/$1.partial"
        made=$((made + 1))
        return 0
    fi
    mv "$out/$1.part" "$out/$1.partial"
    [ -s "$out/$1.partial" ] || rm -f "$out/$1.partial"
    failed="$failed $1"
}

# run NAME MEASUREMENT ARGUMENT... -- One run of the program, into OUT/NAME.json.
run() {
    name=$prefix$1
    shift
    if ! is_wanted "$name" || [ -s "$out/$name.json" ]; then
        return 0
    fi
    printf '%5d s  %-28s %s\n' $(($(date +%s) - began)) "$name" "$*" >&2
    measure=$1
    shift
    status=0
    "$program" "$measure" --dir "$directory" --runs "$runs" --json "$@" \
        >"$out/$name.part" 2>"$out/$name.err" || status=$?
    sed -i '/^$/d' "$out/$name.err"
    [ "$status" -eq 0 ] || cat "$out/$name.err" >&2
    [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
    keep "$name" "$status"
}

# timed NAME MEASUREMENT ARGUMENT... -- Where a run has a length.
timed() {
    run "$@" --seconds "$seconds"
}

# What is durable, and therefore depends on the file system.
measure_durable() {
    for preparation in none reserve zero; do
        timed "commit-$preparation" commit --threads 1,16 --preparation "$preparation" \
            --sides "strandline,raw$durable_peers"
    done
    timed commit-auto commit --threads 1,16 --sides "strandline,raw$durable_peers"
}

# Of the peers NAMES those that the program has, each behind a comma.
peers() {
    for peer in "$@"; do
        if "$program" help compare | grep -q "^  \*$peer "; then
            printf ',%s' "$peer"
        fi
    done
}

durable_peers=$(peers rocksdb leveldb)
all_peers=$(peers rocksdb leveldb lmdb sqlite wiredtiger)

# Said now, not after an hour.  compare-read needs most: 2 GiB four times, and twice for each peer's files.
if ! $short && [ -z "$only" ] && [ ! -s "$out/compare-read.json" ]; then
    peer_count=$(printf %s "$all_peers" | tr -cd , | wc -c)
    needed=$((2 * (4 + 2 * peer_count)))
    available=$(df -Pk "$directory" | awk 'NR == 2 { print int($4 / 1048576) }')
    if [ "$available" -lt "$needed" ]; then
        echo "reproduce.sh: $directory has $available GiB of free space and $needed GiB are needed;" \
            "another directory, --short or --only will do" >&2
        exit 1
    fi
fi
for kind in $loops; do
    command -v "mkfs.$kind" >/dev/null && [ "$(id -u)" -eq 0 ] || {
        echo "reproduce.sh: --loop $kind needs root and mkfs.$kind" >&2
        exit 1
    }
done

prefix=
# 1, 2, 4, 17: appends that are not synced.
for preparation in none zero; do
    # By nobody synced meanwhile; then by both as often as the engine does it by default.
    timed "append-$preparation" append --batch-records 1,16,64 --preparation "$preparation" --bytes "$fill" \
        --commit-interval-ms 600000 --commit-bytes 64g
    timed "append-$preparation-synced" append --batch-records 1,16,64 --preparation "$preparation" --bytes "$fill" \
        --sides strandline,raw-synced
done
timed append-lz4 append --codec lz4 --sides strandline,codec --bytes "$fill" --commit-interval-ms 600000 --commit-bytes 64g
timed append-lz4-threads append --codec lz4 --threads 1,4,16 --sides strandline --bytes "$fill"

# 2, 3, 5, 6: peers.  Whole gigabytes where they are not synced.
# By nobody synced meanwhile; then Strandline with its defaults.
timed peers-append-zero compare --works append,append-64 --preparation zero --bytes "$large" \
    --sides "strandline$(peers rocksdb)" --commit-interval-ms 600000 --commit-bytes 64g
timed peers-append-none compare --works append,append-64 --preparation none --bytes "$large" \
    --sides "strandline$all_peers" --commit-interval-ms 600000 --commit-bytes 64g
timed compare-append compare --works append,append-64 --preparation none --bytes "$large" \
    --sides "strandline$all_peers"
timed compare-durable compare --works durable,durable-16 --bytes "$small"
timed compare-read compare --works scan,seek,crash --bytes "$large"
measure_durable

# 7, 20: the index.  8, 9, 10: reading and finding.
timed index index --batch-records 1,16,64 --bytes "$fill"
timed read read --bytes "$fill"
if $short; then
    timed seek seek --bytes "$large" --batch-records 1 --segment-bytes 16m
else
    timed seek seek --bytes 4g --batch-records 1
fi
run recover-cold recover --cold --bytes "$one_segment"

# 11, 12: opening.
run recover-bound recover --bytes "$large" --segment-bytes 64m
run recover-many recover --logs "$many" --bytes 64m --segment-bytes 1m

# 13, 14, 19: rolls, many logs, many segments.
timed rolls rolls --bytes "$fill"
timed partitions partitions --logs "1,100,$many" --bytes "$small"
timed partitions-budget partitions --sides strandline --logs "$many" --descriptors 1024 --bytes "$small"
if $short; then
    timed segments append --batch-records 1 --bytes 64m --segment-bytes 64m,640k,64k --sides strandline
else
    timed segments append --batch-records 1 --bytes 512m --segment-bytes 1g,5m,512k --sides strandline
fi

# 15, 16, 18: beside others; the tail; what the device is made to write.
timed beside-dirty commit --threads 1 --beside dirty --others $((many - 1))
timed beside-bulk commit --threads 1 --beside bulk
timed beside-bulk-bounded commit --threads 1 --beside bulk --unsynced-bytes-max 256k --commit-bytes 128k
timed beside-bulk-8m commit --threads 1 --beside bulk --unsynced-bytes-max 8m --commit-bytes 4m
timed tail tail
timed device append --final-sync --preparation none --bytes "$large" --sides strandline,raw

# Plots.
timed plot-batches append --batch-records 1,4,16,64,256 --bytes "$fill" --sides "strandline,raw$(peers rocksdb lmdb)"
timed plot-threads commit --threads 1,2,4,8,16,32,64 --sides "strandline,raw$durable_peers"
for rate in 250 500 1000 2000 4000 8000 16000 32000; do
    timed "plot-load-$rate" commit --threads 16 --rate "$rate" --sides "strandline$(peers rocksdb)"
done
for size in 16m 64m 256m 1000m 4g; do
    run "plot-recovery-$size" recover --bytes "$size"
done
timed plot-partitions partitions --logs "1,10,100,1000,$many" --bytes "$small"

# make_file_system KIND -- One in a file in DIRECTORY, mounted at mount_point.
make_file_system() {
    loop_file=$(mktemp "$directory/strandline-bench.loop.XXXXXX") &&
        # Written, so that the file below does not grow with the one above.
        dd if=/dev/zero of="$loop_file" bs=1M count=4096 conv=fsync status=none &&
        "mkfs.$1" -q "$loop_file" &&
        mount_point=$(mktemp -d) &&
        mount -o loop "$loop_file" "$mount_point" || return 1
    losetup --direct-io=on "$(findmnt -no SOURCE "$mount_point")" || true
}

# The same durable appends on other file systems.
for kind in $loops; do
    if make_file_system "$kind"; then
        prefix=$kind-
        outside=$directory
        directory=$mount_point
        measure_durable
        directory=$outside
    else
        failed="$failed $kind-commit-*"
    fi
    remove_file_system
done

# server KIND -- One run; that one is not at hand is said, and no failure.
server() {
    if ! is_wanted "server-$1" || [ -s "$out/server-$1.json" ]; then
        return 0
    fi
    printf '%5d s  %-28s %s\n' $(($(date +%s) - began)) "server-$1" "peers_remote.sh $1" >&2
    status=0
    sh "$here/peers_remote.sh" "$1" "$directory" "$server_records" >"$out/server-$1.part" || status=$?
    [ "$status" -ne 69 ] || return 0
    keep "server-$1" "$status"
}

if $servers; then
    server kafka
    server nats
fi

# Tables and plots are of what is there.
status=0
sh "$here/results.sh" "$out" >"$out/results.md" || status=1
sh "$here/plot.sh" "$out" "$out" || status=1
echo "$made runs made, $(($(date +%s) - began)) s; see $out/results.md" >&2
if [ -n "$failed" ]; then
    echo "reproduce.sh: failed, and made when this is called again:$failed" >&2
    status=1
fi
exit "$status"
