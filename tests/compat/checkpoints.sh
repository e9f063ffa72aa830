#!/bin/sh
# checkpoints.sh STRANDLINE BUILD_DIRECTORY PROGRAM [COUNT [SEED]] -- Kafka's classes read the epoch file
# and the offset checkpoints that we write, we read theirs; and its history of leader epochs
# (LeaderEpochFileCache) does what ours does, order by order.
program=$3
count=${4-100}
seed=${5-$(date +%s)}
. "$(dirname "$0")/kafka.sh"
echo "again: checkpoints.sh ... $count $seed"

# same WHAT -- $work/kafka and $work/ours are.
same() {
    diff "$work/kafka" "$work/ours" >"$work/difference" ||
        fail "$1 differs: $(head -n 20 "$work/difference")"
    echo "$1: $(wc -l <"$work/ours") lines are the same"
}

mkdir "$work/by_us" "$work/by_kafka"
"$program" write "$work/by_us" "$count" "$seed"
compat write-checkpoints "$work/by_kafka" "$count" "$seed"
for writer in us kafka; do
    compat read-checkpoints "$work/by_$writer" "$count" >"$work/kafka"
    "$program" read "$work/by_$writer" "$count" >"$work/ours"
    [ "$(wc -l <"$work/ours")" -gt $((count * 20)) ] || fail "too little was written by $writer"
    same "files written by $writer"
done

"$program" orders $((count * 100)) "$seed" >"$work/orders"
compat epochs <"$work/orders" >"$work/kafka" 2>"$work/error" || # each conflict is a warning there
    fail "epochs: $(tail -n 5 "$work/error")"
"$program" epochs <"$work/orders" >"$work/ours"
same "the history"

# The files of a log in use.
printf 'a\nb\nc\n' | "$strandline" append orders --data "$work/data"
mkdir "$work/data/0"
for name in recovery-point-offset-checkpoint log-start-offset-checkpoint replication-offset-checkpoint; do
    [ ! -e "$work/data/$name" ] || cp "$work/data/$name" "$work/data/0/"
done
cp "$work/data/orders-0/leader-epoch-checkpoint" "$work/data/0/"
if [ -e "$work/data/0/recovery-point-offset-checkpoint" ]; then
    compat read-checkpoints "$work/data" 1 >"$work/kafka"
    grep -q '^orders 0000000000 3$' "$work/kafka" || fail "of a log of 3 records: $(cat "$work/kafka")"
    "$program" read "$work/data" 1 >"$work/ours"
    same "the files of a log in use"
fi
