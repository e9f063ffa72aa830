#!/bin/sh
# broker.sh STRANDLINE BUILD_DIRECTORY -- A real broker (one node, KRaft) takes over our files, we take
# over its directory, and it takes that over again; its own consumer decides.
. "$(dirname "$0")/kafka.sh"

topic=orders
partition=$work/logs/$topic-0
broker=

stop_broker() {
    [ -n "$broker" ] || return 0
    kill -TERM "$broker" 2>/dev/null || true
    for _ in $(seq 300); do
        kill -0 "$broker" 2>/dev/null || { broker=; return 0; }
        sleep 0.1
    done
    fail "the broker does not stop: $(tail -n 20 "$work/broker.log")"
}

clean_up() {
    if [ -n "$broker" ] && kill -TERM "$broker" 2>/dev/null; then
        wait "$broker" || true
    fi
    rm -rf "$work"
}

# It ends by itself should this script be killed; TERM is passed on, and KILL follows if it must.
start_broker() {
    # shellcheck disable=SC2086 # words
    timeout -k 20 240 $java -cp "$class_path" kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
    broker=$!
}

# client COMMAND [ARGUMENT...] -- Kafka's clients wait for the broker themselves.
client() {
    command=$1
    shift
    compat "$command" "$(cat "$work/bootstrap")" "$topic" "$@" 2>"$work/client.log" ||
        fail "$command: $(tail -n 5 "$work/client.log") $(tail -n 20 "$work/broker.log")"
}

# compare WHAT -- What the broker's consumer reads is what `strandline read` reads.
compare() {
    cmp "$work/ours" "$work/kafka" || fail "$1: $(diff "$work/ours" "$work/kafka" | head -n 10)"
    echo "$1: $(wc -l <"$work/kafka") records are the same"
}

# 1. Its own directory, with a topic made by it.
compat format "$work" >"$work/format.log" 2>&1 || fail "format: $(cat "$work/format.log")"
start_broker
client create retention.ms=-1 segment.bytes=1048576
stop_broker
[ -s "$partition/partition.metadata" ] || fail "the broker made no $topic"

# 2. Our files in the place of its own.
awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
        key = i % 5 == 0 ? "null" : i % 5 == 1 ? "\"\"" : "\"key " i "\""
        value = i % 7 == 0 ? "null" : "\"value " i " \\u0000 \303\244 and more\""
        headers = i % 3 == 0 ? ",\"headers\":[{\"key\":\"h\",\"value\":\"" i "\"},{\"key\":\"n\",\"value\":null}]" : ""
        printf "{\"timestamp\":%d,\"key\":%s,\"value\":%s%s}\n", 1700000000000 + i, key, value, headers
    }
}' >"$work/records"
for codec in none gzip snappy lz4 zstd; do
    require_codec "$codec"
    "$strandline" append "$topic" "$work/records" --input ndjson --codec "$codec" \
        --data "$work/data" --batch-records 100 --segment-bytes 100k
done
"$strandline" read "$topic" --json --data "$work/data" >"$work/ours"
find "$partition" -type f ! -name partition.metadata -exec rm {} +
cp "$work/data/$topic-0"/* "$partition/"
rm -f "$work/logs/.kafka_cleanshutdown"
[ "$(find "$partition" -name '*.log' | wc -l)" -gt 2 ] || fail "segments did not roll"
find "$partition" -name '*.index' | grep . && fail "we write no indexes"

start_broker
client consume >"$work/kafka"
compare "a broker that found our files"

# 3. Its producers append in every codec, with transactions; then it leaves its directory to us.
client produce
client consume >"$work/kafka"
code=0
echo no | "$strandline" append "$topic" --data "$work/logs" 2>"$work/error" || code=$?
expect "exit code of append while the broker runs: $(cat "$work/error")" 4 "$code"
stop_broker
[ -e "$work/logs/.kafka_cleanshutdown" ] || fail "the broker did not stop cleanly"
"$strandline" read "$topic" --json --data "$work/logs" >"$work/ours"
compare "we, in the directory of a broker"

# 4. We append to it, and it goes on from there.  While we do, it does not start.
mkfifo "$work/fifo"
"$strandline" append "$topic" --input ndjson --codec lz4 --data "$work/logs" <"$work/fifo" &
appending=$!
exec 3>"$work/fifo"
head -n 500 "$work/records" >&3
start_broker
wait "$broker" && fail "a broker starts in a directory that we write to"
broker=
grep -q 'Failed to acquire lock' "$work/broker.log" || fail "$(tail -n 20 "$work/broker.log")"
exec 3>&-
wait "$appending" || fail "append to a log of the broker"
"$strandline" read "$topic" --json --data "$work/logs" >"$work/ours"
start_broker
client consume >"$work/kafka"
compare "the broker, behind our append"
stop_broker
